package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// patience is how long something may take that is to come about in the end.
const patience = 5 * time.Minute

// answer is what a gateway said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a *answer) String() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// ask sends one request to a gateway, as the administrator of everything.
func (w *world) ask(g *gateway, method, path string, body io.Reader, header map[string]string) (*answer, error) {
	request, err := http.NewRequest(method, g.url+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+w.env["USHER_TOKEN"])
	for name, value := range header {
		request.Header.Set(name, value)
	}
	return do(request)
}

func do(request *http.Request) (*answer, error) {
	got, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return &answer{status: got.StatusCode, header: got.Header, body: body}, err
}

// get reads a document of a gateway that is up.
func (w *world) get(path string, into any) {
	w.t.Helper()
	got, err := w.ask(w.gateways[0], "GET", path, nil, nil)
	if err != nil || got.status != http.StatusOK {
		w.t.Fatalf("GET %s: %v %v", path, got, err)
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		w.t.Fatalf("GET %s: %v", path, err)
	}
}

// list reads a listing to its end.
func list[T any](w *world, path string, query url.Values) (all []T) {
	w.t.Helper()
	if query == nil {
		query = url.Values{}
	}
	query.Set("limit", "200")
	for {
		var page struct {
			Data []T     `json:"data"`
			Next *string `json:"next_cursor"`
		}
		w.get(path+"?"+query.Encode(), &page)
		all = append(all, page.Data...)
		if page.Next == nil {
			return all
		}
		query.Set("cursor", *page.Next)
	}
}

// create posts a document and returns the answer's id.
func (w *world) create(path string, body any) string {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.ask(w.gateways[0], "POST", path, bytes.NewReader(text), map[string]string{"Content-Type": "application/json"})
	if err != nil || got.status != http.StatusCreated {
		w.t.Fatalf("POST %s: %v %v", path, got, err)
	}
	return got.id()
}

func (a *answer) id() string {
	var b struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(a.body, &b) // no id, then
	return b.ID
}

// batch, item and invite are what the gateway says of each.
type (
	batch struct {
		ID     string         `json:"id"`
		State  string         `json:"state"`
		Counts map[string]int `json:"counts"`
	}
	item struct {
		Row      int     `json:"row"`
		Line     int     `json:"line"`
		Email    string  `json:"email"`
		Outcome  string  `json:"outcome"`
		Code     *string `json:"code"`
		Field    *string `json:"field"`
		InviteID *string `json:"invite_id"`
	}
	invite struct {
		ID       string  `json:"id"`
		Email    string  `json:"email"`
		State    string  `json:"state"`
		Reason   *string `json:"state_reason"`
		Provider struct {
			ID *string `json:"provider_id"`
		} `json:"provider"`
		History []event `json:"history"`
	}
	event struct {
		At     time.Time `json:"at"`
		State  string    `json:"state"`
		Reason *string   `json:"reason"`
	}
)

func (i *item) String() string {
	return fmt.Sprintf("row %d line %d %q: %s %s %s %s", i.Row, i.Line, i.Email, i.Outcome, text(i.Code), text(i.Field), text(i.InviteID))
}

func (i *invite) String() string {
	if i == nil {
		return "none"
	}
	out := fmt.Sprintf("%s %s %s, provider_id %s", i.ID, i.State, text(i.Reason), text(i.Provider.ID))
	for _, e := range i.History {
		out += fmt.Sprintf("\n        %s %s %s", e.At.Format("15:04:05.000"), e.State, text(e.Reason))
	}
	return out
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// vendorAsk asks a simulator, which is always up.
func (w *world) vendorAsk(method, address, token string, body any, into any) {
	w.t.Helper()
	sent, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequest(method, address, bytes.NewReader(sent))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := do(request)
	if err != nil || got.status >= 300 {
		w.t.Fatalf("%s %s: %v %v", method, address, got, err)
	}
	if into != nil {
		if err := json.Unmarshal(got.body, into); err != nil {
			w.t.Fatalf("%s %s: %v: %s", method, address, err, got)
		}
	}
}
