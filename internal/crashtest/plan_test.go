package crashtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// organization is one that rows are for.
type organization struct {
	id, connection, providerID, tag string
	second                          bool // beside the sandbox's own: nobody is in it yet

	pending []string         // addresses that have a living invite before the files come
	groups  map[string]*same // by address
	files   []*file
}

// mailed: usher mails by itself, and no vendor keeps the invite.
func (o *organization) mailed() bool { return o.connection == "local" || o.connection == "scim2" }

// exact: the vendor tells capitals apart.
func (o *organization) exact() bool { return o.connection == "nile" }

// same is the rows of one address of an organization, in whatever files: one
// of them is to be sent.
type same struct {
	email string
	rows  []*row
}

// file is a batch as it is handed in.
type file struct {
	org     *organization
	key     string // Idempotency-Key
	kind    string // of the content
	content string
	rows    []*row
	batch   string // its id, once it was taken
}

// row is one row of a file and what is to become of it.
type row struct {
	file   *file
	number int
	line   int
	email  string
	cells  [3]string // roles, given name, something more
	raw    string    // the whole line, where it is none of a row

	outcome string // "": that of its group
	code    string
}

func (r *row) String() string {
	return fmt.Sprintf("%s %s row %d <%s>", r.file.org.tag, r.file.key, r.number, r.email)
}

// Addresses of people who are in the sandbox's organizations from the start.
const (
	administrator = "demo-admin@example.com"
	member        = "demo-member@example.com"
)

// planner draws the files.
type planner struct {
	*rand.Rand
	orgs   []*organization
	people int
}

// files draws files with so many rows together, the organizations in turn.
func (p *planner) files(rows int) []*file {
	count := min(max(rows/60, len(p.orgs)), 200)
	var all []*file
	for n := range count {
		org := p.orgs[n%len(p.orgs)]
		size := rows / count
		if n < rows%count {
			size++
		}
		f := &file{org: org, key: fmt.Sprintf("file-%d", n+1), kind: p.one("application/x-ndjson", "text/csv", "text/csv; charset=utf-8")}
		for i := range size {
			f.rows = append(f.rows, p.row(f, i+1))
		}
		f.content = p.write(f)
		org.files = append(org.files, f)
		all = append(all, f)
	}
	return all
}

func (p *planner) one(of ...string) string { return of[p.IntN(len(of))] }

// row draws a row: most are good ones.
func (p *planner) row(f *file, number int) *row {
	r := &row{file: f, number: number, cells: [3]string{"member", p.one("", "Ann", "Zoë", `Ann "A", jr`), p.one("", "Doe; jr", "Łukasz")}}
	used := map[string]bool{}
	for _, other := range f.rows {
		used[strings.ToLower(other.email)] = true
	}
	switch n := p.IntN(100); {
	case n < 4:
		p.invalid(r)
	case n < 7 && p.again(r):
		r.outcome, r.code = "skipped", "duplicate_row"
	case n < 10 && p.earlier(r, used):
	case n < 13 && len(f.org.pending) > 0 && !used[f.org.pending[0]]:
		r.email, r.outcome, r.code = f.org.pending[0], "skipped", "invite_pending"
	case n < 15 && !f.org.second && !used[member]:
		r.email, r.outcome, r.code = member, "skipped", "already_member"
	default:
		p.good(r, used)
	}
	return r
}

// good is a row that is to be sent: to somebody new, or to somebody whom other
// organizations invite too.
func (p *planner) good(r *row, used map[string]bool) {
	o := r.file.org
	p.people++
	r.email = fmt.Sprintf("%s-%d@people.example", o.tag, p.people)
	shared := fmt.Sprintf("shared-%d@people.example", p.IntN(40))
	if !o.mailed() && p.IntN(10) == 0 && o.groups[shared] == nil && !used[shared] {
		r.email = shared
	}
	p.join(r)
}

func (p *planner) join(r *row) {
	o := r.file.org
	key := r.email
	if !o.exact() {
		key = strings.ToLower(key)
	}
	if o.groups[key] == nil {
		o.groups[key] = &same{email: r.email}
	}
	o.groups[key].rows = append(o.groups[key].rows, r)
}

// again repeats an address of the same file.
func (p *planner) again(r *row) bool {
	for _, other := range r.file.rows {
		if other.outcome == "" {
			r.email = other.email
			if !r.file.org.exact() {
				r.email = strings.ToUpper(r.email[:1]) + r.email[1:]
			}
			return true
		}
	}
	return false
}

// earlier repeats an address of an earlier file of the organization.
func (p *planner) earlier(r *row, used map[string]bool) bool {
	files := r.file.org.files
	if len(files) == 0 {
		return false
	}
	f := files[p.IntN(len(files))]
	other := f.rows[p.IntN(len(f.rows))]
	if other.outcome != "" || used[strings.ToLower(other.email)] {
		return false
	}
	r.email = other.email
	p.join(r)
	return true
}

func (p *planner) invalid(r *row) {
	r.outcome, r.code = "failed", "invalid_request"
	switch p.IntN(4) {
	case 0:
		r.email = "not an address"
	case 1:
		p.people++
		r.email = fmt.Sprintf("unknown-role-%d@people.example", p.people)
		r.cells[0], r.code = "owner", "unknown_role"
	case 2:
		r.raw = `{"email":"broken`
	default:
		r.raw = `{"email":7,"roles":["member"]}`
	}
	if r.raw != "" && r.file.csv() {
		r.raw, r.email = "", ""
	}
}

func (f *file) csv() bool { return strings.HasPrefix(f.kind, "text/csv") }

// write makes the file's bytes and gives rows their lines.
func (p *planner) write(f *file) string {
	if !f.csv() {
		return writeNDJSON(f)
	}
	comma := p.one(",", ";")
	head := p.one("", "\ufeff") + strings.Join([]string{"email", "roles", "given_name", "family_name"}, comma)
	lines := []string{head}
	for _, r := range f.rows {
		cells := []string{r.email, r.cells[0], r.cells[1], r.cells[2]}
		for n := range cells {
			if strings.ContainsAny(cells[n], `",; `) {
				cells[n] = `"` + strings.ReplaceAll(cells[n], `"`, `""`) + `"`
			}
		}
		r.line = len(lines) + 1
		lines = append(lines, strings.Join(cells, comma))
	}
	return strings.Join(lines, p.one("\n", "\r\n")) + "\n"
}

func writeNDJSON(f *file) string {
	var b strings.Builder
	for n, r := range f.rows {
		r.line = n + 1
		line := r.raw
		if line == "" {
			fields := map[string]any{"email": r.email, "roles": []string{r.cells[0]}}
			if r.cells[1] != "" {
				fields["given_name"] = r.cells[1]
			}
			text, _ := json.Marshal(fields) // texts always can
			line = string(text)
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
