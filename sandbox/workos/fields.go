package workos

import (
	"encoding/json"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strings"
)

// fields reads the members of a JSON body and collects what is wrong with
// them. The codes of single problems are not known but for "required".
type fields struct {
	s       *Simulator
	m       map[string]any
	asked   []string
	problem []problem
}

// read decodes a call's body, which has to be a JSON object.
func (s *Simulator) read(c *call) *fields {
	f := &fields{s: s}
	if c.form {
		values, err := url.ParseQuery(string(c.body))
		if err != nil {
			f.wrong("body", "invalid_form")
		}
		f.m = map[string]any{}
		for name := range values {
			f.m[name] = values.Get(name)
		}
		return f
	}
	if err := json.Unmarshal(c.body, &f.m); err != nil || f.m == nil {
		f.wrong("body", "required")
	}
	return f
}

func (f *fields) wrong(field, code string) {
	f.problem = append(f.problem, problem{Field: field, Code: code})
}

// refused is the answer to a bad body, once all its members were asked for.
func (f *fields) refused() (reply, bool) {
	if f.s.q.RefuseUnknownFields {
		for name := range f.m {
			if !slices.Contains(f.asked, name) {
				f.wrong(name, "unknown_field")
			}
		}
	}
	if len(f.problem) == 0 {
		return reply{}, false
	}
	slices.SortStableFunc(f.problem, func(a, b problem) int { return strings.Compare(a.Field, b.Field) })
	return invalid(f.problem...), true
}

// get returns a member; present tells whether it is there, null or not.
func (f *fields) get(name string) (value any, present bool) {
	f.asked = append(f.asked, name)
	value, present = f.m[name]
	return value, present
}

// text is a string that may be left out; null is refused.
func (f *fields) text(name string) string {
	v, present := f.get(name)
	if !present {
		return ""
	}
	t, isText := v.(string)
	if !isText {
		f.wrong(name, "invalid_type")
	}
	return t
}

// needed is a string that must be there.
func (f *fields) needed(name string) string {
	if _, present := f.m[name]; !present {
		f.asked = append(f.asked, name)
		f.wrong(name, "required")
		return ""
	}
	t := f.text(name)
	if t == "" && len(f.problem) == 0 {
		f.wrong(name, "required")
	}
	return t
}

// nullable is a string, null, or left out.
func (f *fields) nullable(name string) (value *string, present bool) {
	v, present := f.get(name)
	if !present || v == nil {
		return nil, present
	}
	t, isText := v.(string)
	if !isText {
		f.wrong(name, "invalid_type")
	}
	return &t, true
}

// atMost is a string of a limited length.
func (f *fields) atMost(name string, value *string, limit int) {
	if value != nil && len([]rune(*value)) > limit {
		f.wrong(name, "too_long")
	}
}

// email is an address.
func (f *fields) email(name string, needed bool) string {
	var t string
	if needed {
		t = f.needed(name)
	} else if t = f.text(name); t == "" {
		if _, present := f.m[name]; !present {
			return ""
		}
	}
	if !isEmail(t) && !slices.ContainsFunc(f.problem, func(p problem) bool { return p.Field == name }) {
		f.wrong(name, "invalid_email")
	}
	if f.s.q.LowerEmails {
		t = strings.ToLower(t)
	}
	return t
}

func isEmail(t string) bool {
	a, err := mail.ParseAddress(t)
	if err != nil || a.Address != t || len(t) > 254 {
		return false
	}
	_, domain, _ := strings.Cut(t, "@")
	return strings.Contains(strings.Trim(domain, "."), ".") && !strings.Contains(domain, "..")
}

// number is a whole number.
func (f *fields) number(name string) (value int, present bool) {
	v, present := f.get(name)
	if !present {
		return 0, false
	}
	n, isNumber := v.(float64)
	if !isNumber || n != math.Trunc(n) || math.Abs(n) > 1<<31 {
		f.wrong(name, "invalid_type")
		return 0, true
	}
	return int(n), true
}

// flag is true or false.
func (f *fields) flag(name string, nullable bool) (value, present bool) {
	v, present := f.get(name)
	if !present || v == nil && nullable {
		return false, false
	}
	b, isFlag := v.(bool)
	if !isFlag {
		f.wrong(name, "invalid_type")
	}
	return b, true
}

// texts is a list of strings.
func (f *fields) texts(name string) (values []string, present bool) {
	v, present := f.get(name)
	if !present {
		return nil, false
	}
	list, isList := v.([]any)
	if !isList {
		f.wrong(name, "invalid_type")
	}
	values = []string{}
	for _, item := range list {
		t, isText := item.(string)
		if !isText {
			f.wrong(name, "invalid_type")
		}
		values = append(values, t)
	}
	return values, true
}

// oneOf is one of a closed list.
func (f *fields) oneOf(name string, allowed []string) string {
	t := f.text(name)
	if _, present := f.m[name]; present && !slices.Contains(allowed, t) {
		f.wrong(name, "invalid_enum")
	}
	return t
}

// external is an external id: ASCII, at most 128 characters (FACTS.md section 8).
func (f *fields) external() (value *string, present bool) {
	value, present = f.nullable("external_id")
	if value == nil {
		return nil, present
	}
	if *value == "" || len(*value) > 128 || strings.ContainsFunc(*value, func(r rune) bool { return r > 127 }) {
		f.wrong("external_id", "invalid_external_id")
	}
	return value, true
}

// metadata is an object; whether its pairs will do is told by fine, since that
// has a code of its own (FACTS.md section 8).
func (f *fields) metadata() (value map[string]string, present, fine bool) {
	v, present := f.get("metadata")
	if !present {
		return nil, false, true
	}
	value = map[string]string{}
	m, isObject := v.(map[string]any)
	if !isObject && v != nil {
		f.wrong("metadata", "invalid_type")
	}
	fine = len(m) <= 50
	for k, item := range m {
		t, isText := item.(string)
		fine = fine && isText && len([]rune(k)) <= 40 && len([]rune(t)) <= 600
		value[k] = t
	}
	return value, true, fine
}
