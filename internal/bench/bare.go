package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"usher/internal/httpx"
)

// bareCommand is the argument that makes this program a bare server.
const bareCommand = "bare"

// bareSpec is what a bare server is to do, as it reads it from its input.
type bareSpec struct {
	Token string // the one that is good

	// A server that reads: the answer, with all its headers.
	Header http.Header
	Body   []byte

	// A server that translates: where the vendor lists members, and the token
	// for it. Empty: it reads.
	Upstream, UpstreamToken string
}

// bare is a running bare server.
type bare struct {
	*process
	address string
}

// startBare starts this program again as a bare server.
func (b *bench) startBare(ctx context.Context, s bareSpec, env ...string) (*bare, error) {
	command := exec.Command(b.self, bareCommand)
	command.Env, command.Stderr = append(os.Environ(), env...), b.log
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(ctx, command, input)
	if err != nil {
		return nil, err
	}
	started := &bare{process: p}
	if err := json.NewEncoder(input).Encode(s); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	if _, err := fmt.Fscanln(output, &started.address); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return started, nil
}

// serveBare is the bare server: it says where it listens and ends with its
// input.
func serveBare(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	decoder := json.NewDecoder(stdin)
	var s bareSpec
	if err := decoder.Decode(&s); err != nil {
		return err
	}
	tokens, err := lru.New[[sha256.Size]byte, time.Time](10_000)
	if err != nil {
		return err
	}
	remembered := func(r *http.Request) bool {
		given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		key := sha256.Sum256([]byte(given))
		if until, ok := tokens.Get(key); ok && time.Now().Before(until) {
			return true
		}
		tokens.Add(key, time.Now().Add(time.Minute))
		return given == s.Token
	}
	handler := readBare(s)
	if s.Upstream != "" {
		handler = translateBare(s)
	}
	server, address, err := serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !remembered(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler(w, r)
	}), nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(stdout, strings.TrimPrefix(address, "http://")); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return errors.Join(err, server.Close())
}

// readBare answers the same bytes and headers as usher did.
func readBare(s bareSpec) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range s.Header {
			w.Header()[name] = values
		}
		_, _ = w.Write(s.Body) // fails only where nobody reads
	}
}

// bareUser and bareMember are a member as the vendor tells it and as the
// answer does.
type bareUser struct {
	ID, UserName string
	Emails       []string
	Name         struct{ GivenName, FamilyName string }
	Roles        []struct{ Value string }
	Meta         struct{ Created time.Time }
}

type bareMember struct {
	ID             string    `json:"id"`
	OrganizationID string    `json:"organization_id"`
	ProviderID     string    `json:"provider_id"`
	UserName       string    `json:"user_name"`
	Email          string    `json:"email"`
	GivenName      string    `json:"given_name"`
	FamilyName     string    `json:"family_name"`
	Roles          []string  `json:"roles"`
	CreatedAt      time.Time `json:"created_at"`
}

// translateBare is the least that a read-through call can be: decode, one
// upstream call, decode, answer.
func translateBare(s bareSpec) http.HandlerFunc {
	transport := httpx.NewTransport()
	return func(w http.ResponseWriter, r *http.Request) {
		limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		users, err := listBare(r.Context(), transport, s, limit)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		list := struct {
			Data []bareMember `json:"data"`
			Next *string      `json:"next_cursor"`
		}{Data: make([]bareMember, 0, len(users))}
		for _, u := range users {
			m := bareMember{
				ID: "mem_" + u.ID, OrganizationID: "org", ProviderID: u.ID, UserName: u.UserName, Email: u.Emails[0],
				GivenName: u.Name.GivenName, FamilyName: u.Name.FamilyName, CreatedAt: u.Meta.Created,
			}
			for _, role := range u.Roles {
				m.Roles = append(m.Roles, role.Value)
			}
			list.Data = append(list.Data, m)
		}
		reply(w, http.StatusOK, "application/json", list)
	}
}

func listBare(ctx context.Context, transport *http.Transport, s bareSpec, limit int) ([]bareUser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Upstream+"?startIndex=1&count="+strconv.Itoa(limit), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.UpstreamToken)
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	text, err := readAll(answer)
	if err != nil {
		return nil, err
	}
	var page struct{ Resources []bareUser }
	return page.Resources, json.Unmarshal(text, &page)
}
