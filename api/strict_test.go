package api_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"usher/api"
)

// TestStrictBodies is a corpus of bodies that must not be understood, or be
// understood in exactly one way. None may reach the vendor.
func TestStrictBodies(t *testing.T) {
	t.Parallel()
	h := build(t)
	const rest = `,"roles":["member"]`
	for name, tt := range map[string]struct {
		body string
		at   []string
	}{
		"no body":                        {"", nil},
		"blanks":                         {"   ", nil},
		"not JSON":                       {"email=jane@example.com", nil},
		"cut off":                        {`{"email":"jane@example.com"`, nil},
		"cut off in a string":            {`{"email":"jane`, nil},
		"single quotes":                  {`{'email':'jane@example.com'}`, nil},
		"a comment":                      {`{"email":"jane@example.com"/**/` + rest + `}`, nil},
		"a comma too many":               {`{"email":"jane@example.com"` + rest + `,}`, nil},
		"NaN":                            {`{"email":NaN}`, nil},
		"trailing data":                  {jane + jane, nil},
		"trailing garbage":               {jane + "x", nil},
		"byte order mark":                {"\ufeff" + jane, nil},
		"UTF-16":                         {"{\x00\"\x00e\x00", nil},
		"invalid UTF-8":                  {"{\"email\":\"jane\xff@example.com\"" + rest + "}", nil},
		"null":                           {"null", []string{""}},
		"a list":                         {"[" + jane + "]", []string{""}},
		"a string":                       {`"jane@example.com"`, []string{""}},
		"a number":                       {"1", []string{""}},
		"nothing in it":                  {"{}", []string{"/email", "/roles"}},
		"the same key twice":             {`{"email":"jane@example.com","email":"eve@example.com"` + rest + `}`, []string{"/email"}},
		"the same key twice, escaped":    {`{"email":"jane@example.com","\u0065mail":"eve@example.com"` + rest + `}`, []string{"/email"}},
		"the same key twice, deeper":     {`{"email":"jane@example.com"` + rest + `,"metadata":{"a":{"b":1,"b":2}}}`, []string{"/metadata/a/b"}},
		"a second key EMAIL":             {`{"email":"jane@example.com","EMAIL":"eve@example.com"` + rest + `}`, []string{"/EMAIL"}},
		"EMAIL alone":                    {`{"EMAIL":"jane@example.com"` + rest + `}`, []string{"/EMAIL", "/email"}},
		"a key with the Kelvin sign":     {`{"email":"jane@example.com","to\u212Aen":1` + rest + `}`, []string{"/to\u212aen"}},
		"unknown fields":                 {`{"email":"jane@example.com","x":1,"a.b":2,"c/d":3` + rest + `}`, []string{"/a.b", "/c~1d", "/x"}},
		"an unknown field named __proto": {`{"email":"jane@example.com","__proto__":{}` + rest + `}`, []string{"/__proto__"}},
		"$schema":                        {`{"$schema":"x","email":"jane@example.com"` + rest + `}`, []string{"/$schema"}},
		"types":                          {`{"email":1,"roles":"member","given_name":{},"expires_at":5,"metadata":[],"notify":"yes","message":false}`, []string{"/email", "/expires_at", "/given_name", "/message", "/metadata", "/notify", "/roles"}},
		"required ones null":             {`{"email":null,"roles":null}`, []string{"/email", "/roles"}},
		"roles of all kinds":             {`{"email":"jane@example.com","roles":[1,null,{},[]]}`, []string{"/roles/0", "/roles/1", "/roles/2", "/roles/3"}},
		"no roles":                       {`{"email":"jane@example.com","roles":[]}`, []string{"/roles"}},
		"too many roles":                 {`{"email":"jane@example.com","roles":[` + strings.Repeat(`"a",`, 50) + `"a"]}`, []string{"/roles"}},
		"a role twice":                   {`{"email":"jane@example.com","roles":["member","member"]}`, []string{"/roles/1"}},
		"a huge integer":                 {`{"email":"jane@example.com","metadata":{"n":12345678901234567890}` + rest + `}`, []string{"/metadata/n"}},
		"a huge number":                  {`{"email":"jane@example.com","metadata":{"n":[0,1e999]}` + rest + `}`, []string{"/metadata/n/1"}},
		"half a character":               {`{"email":"jane@example.com","metadata":{"n":"\ud800"}` + rest + `}`, []string{"/metadata/n"}},
		"half a character in a key":      {`{"email":"jane@example.com","metadata":{"\udc00":1}` + rest + `}`, []string{"/metadata/\ufffd"}},
		"too deep":                       {`{"email":"jane@example.com","metadata":` + strings.Repeat(`{"a":`, 30) + `1` + strings.Repeat(`}`, 30) + rest + `}`, nil},
		"far too deep":                   {strings.Repeat(`[`, 30000), nil},
		"a time that is none":            {`{"email":"jane@example.com","expires_at":"tomorrow"` + rest + `}`, []string{"/expires_at"}},
		"dots in metadata":               {`{"email":"jane@example.com","metadata":{"a.b":1,"[0].c":2},"notify":"yes"` + rest + `}`, []string{"/notify"}},
		"a long name":                    {`{"email":"jane@example.com","given_name":"` + strings.Repeat("x", 101) + `"` + rest + `}`, []string{"/given_name"}},
		"a long message":                 {`{"email":"jane@example.com","message":"` + strings.Repeat("x", 501) + `"` + rest + `}`, []string{"/message"}},
		"metadata too large":             {`{"email":"jane@example.com","metadata":{"x":"` + strings.Repeat("x", 4096) + `"}` + rest + `}`, []string{"/metadata"}},
		"a quote in the address":         {`{"email":"a\"b@example.com"` + rest + `}`, []string{"/email"}},
		"an or in the address":           {`{"email":"x or y@example.com"` + rest + `}`, []string{"/email"}},
		"a star as the address":          {`{"email":"*@example.com"` + rest + `}`, []string{"/email"}},
		"a display name":                 {`{"email":"Bob <a@b.example>"` + rest + `}`, []string{"/email"}},
		"a line break in the address":    {`{"email":"a@example.com\r\nBcc: eve@example.com"` + rest + `}`, []string{"/email"}},
		"320 characters":                 {`{"email":"` + strings.Repeat("x", 308) + `@example.com"` + rest + `}`, []string{"/email"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := on(t, h)
			r := httptest.NewRequest("POST", invitesPath, strings.NewReader(tt.body))
			r.Header.Set("Authorization", "Bearer "+admin)
			r.Header.Set("Content-Type", "application/json")
			got := h.serve(r).is(400, "invalid_request").at(tt.at...)
			for _, echo := range []string{"jane@", "eve@", "1e999", "12345678901234567890"} {
				if strings.Contains(got.body, echo) {
					t.Errorf("the answer repeats %s: %s", echo, got.body)
				}
			}
		})
	}
	if n := h.vendor.Calls("invite"); n != 0 {
		t.Errorf("the vendor was called %d times", n)
	}
	if strings.Contains(h.log.String(), "eve@") {
		t.Errorf("the log repeats the body: %s", h.log)
	}
}

// TestLenientWhereItIsSafe: what must go through.
func TestLenientWhereItIsSafe(t *testing.T) {
	t.Parallel()
	h := build(t)
	for name, body := range map[string]string{
		"nulls":             `{"email":"a@example.com","roles":["member"],"given_name":null,"family_name":null,"locale":null,"redirect_url":null,"message":null,"expires_at":null,"metadata":null,"notify":null}`,
		"blanks around":     " \r\n{ \"email\" : \"b@example.com\" , \"roles\" : [ \"member\" ] }\n",
		"an international":  `{"email":"ü@bücher.example","roles":["member"]}`,
		"a surrogate pair":  `{"email":"c@example.com","roles":["member"],"metadata":{"x":"\ud83d\ude00","X":1,"max":9007199254740992,"f":0.1}}`,
		"metadata of kinds": `{"email":"d@example.com","roles":["member"],"metadata":{"a":[1,{"b":null}],"c":true,"a.b":{"c/d":""}}}`,
	} {
		h.do(admin, "POST", invitesPath, body).is(201, "")
		_ = name
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	h := build(t)
	for name, tt := range map[string]struct {
		header, value string
		status        int
		code          string
	}{
		"JSON":              {"Content-Type", "application/json", 201, ""},
		"JSON in UTF-8":     {"Content-Type", `Application/JSON; charset="UTF-8"`, 201, ""},
		"JSON in Latin-1":   {"Content-Type", "application/json; charset=iso-8859-1", 415, "unsupported_media_type"},
		"a form":            {"Content-Type", "application/x-www-form-urlencoded", 415, "unsupported_media_type"},
		"text":              {"Content-Type", "text/plain", 415, "unsupported_media_type"},
		"other JSON":        {"Content-Type", "application/problem+json", 415, "unsupported_media_type"},
		"CBOR":              {"Content-Type", "application/cbor", 415, "unsupported_media_type"},
		"a list of types":   {"Content-Type", "application/json, text/plain", 415, "unsupported_media_type"},
		"garbage":           {"Content-Type", ";;;", 415, "unsupported_media_type"},
		"empty":             {"Content-Type", "", 415, "unsupported_media_type"},
		"accepts HTML":      {"Accept", "text/html", 406, "not_acceptable"},
		"accepts all":       {"Accept", "text/html, */*;q=0.1", 201, ""},
		"accepts nonsense":  {"Accept", "a;q,application/json", 201, ""},
		"refuses JSON":      {"Accept", "application/json;q=0, */*", 406, "not_acceptable"},
		"any encoding will": {"Accept-Encoding", "identity;q=0", 201, ""},
	} {
		t.Run(name, func(t *testing.T) {
			body := `{"email":"` + strings.ReplaceAll(name, " ", ".") + `@example.com","roles":["member"]}`
			on(t, h).do(admin, "POST", invitesPath, body, tt.header, tt.value).is(tt.status, tt.code)
		})
	}
	h.do(admin, "GET", invitesPath, "", "Accept", "text/html").is(406, "not_acceptable")
	for name, n := range map[string]int{"JSON.in.Latin-1": 0, "accepts.HTML": 0, "refuses.JSON": 0, "accepts.all": 1} {
		if got := h.vendor.Mails("one", name+"@example.com"); got != n {
			t.Errorf("%s: %d mails", name, got)
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	h := build(t, func(o *api.Options) { o.MaxBody = 1000 })
	fit := func(n int) string { return jane + strings.Repeat(" ", n-len(jane)) }
	h.do(admin, "POST", invitesPath, fit(1001)).is(413, "payload_too_large")
	chunked := newRequest("POST", invitesPath)
	chunked.Body, chunked.ContentLength = readCloser{strings.NewReader(fit(5000))}, -1
	chunked.Header.Set("Authorization", "Bearer "+admin)
	chunked.Header.Set("Content-Type", "application/json")
	h.serve(chunked).is(413, "payload_too_large")
	h.do(outsider, "POST", invitesPath, fit(1001)).is(404, "not_found")
	h.do(admin, "POST", invitesPath, fit(1000)).is(201, "")
}

func TestBodiesWhereNoneIsTaken(t *testing.T) {
	t.Parallel()
	h := build(t)
	path := invitesPath + "/" + h.send("jane@example.com") + "/resend"
	h.do(admin, "POST", path, `{"email":"x"}`).is(400, "invalid_request")
	h.do(admin, "POST", path, `null`).is(400, "invalid_request")
	h.do(admin, "POST", path, `x`, "Content-Type", "text/plain").is(415, "unsupported_media_type")
	h.do(admin, "POST", path, "{ }").is(200, "")
	h.do(admin, "POST", path, "").is(200, "")
}

func TestStrictQueries(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.send("jane@example.com")
	for query, at := range map[string][]string{
		"?x=1&limit=5&y=":                {"?x", "?y"},
		"?Limit=5":                       {"?Limit"},
		"?limit=0":                       {"?limit"},
		"?limit=201":                     {"?limit"},
		"?limit=-1":                      {"?limit"},
		"?limit=5.5":                     {"?limit"},
		"?limit=x":                       {"?limit"},
		"?limit=99999999999999999999":    {"?limit"},
		"?limit=":                        {"?limit"},
		"?limit=5&limit=6":               {"?limit"},
		"?limit":                         {"?limit"},
		"?email=":                        {"?email"},
		"?email=*":                       {"?email"},
		"?email=a%22b@example.com":       {"?email"},
		"?email=a@b.example&email=b@c.d": {"?email"},
		"?state=pending&state=nonsense":  {"?state"},
		"?state=pending,failed":          {"?state"},
		"?state=PENDING":                 {"?state"},
		"?state=":                        {"?state"},
		"?state[]=pending":               {"?state[]"},
		"?refresh=1":                     {"?refresh"},
		"?refresh=yes":                   {"?refresh"},
		"?created_after=yesterday":       {"?created_after"},
		"?created_after=2026-11-21":      {"?created_after"},
		"?cursor=garbage":                {"?cursor"},
		"?cursor=%00":                    {"?cursor"},
		"?a;b":                           {},
		"?%zz=1":                         {},
		"?access_token=" + admin:         {"?access_token"},
	} {
		t.Run(query, func(t *testing.T) {
			got := on(t, h).do(admin, "GET", invitesPath+query, "").is(400, "invalid_request").at(at...)
			if strings.Contains(got.body, admin) || strings.Contains(got.body, "nonsense") {
				t.Errorf("the answer repeats the query: %s", got.body)
			}
		})
	}
	for query, want := range map[string]string{
		"": "jane", "?email=JANE@example.com": "jane", "?email=jo@example.com": "", "?role=member": "jane", "?role=admin": "",
		"?state=pending": "jane", "?state=failed": "", "?state=failed&state=pending&state=pending": "jane", "?refresh=false": "jane",
		"?created_after=2026-11-21T08:59:59Z": "jane", "?created_after=2026-11-21T10%3A00%3A00%2B01%3A00": "", "?limit=1": "jane",
	} {
		got := h.do(admin, "GET", invitesPath+query, "").is(200, "")
		if found := strings.Contains(got.body, "jane@example.com"); found != (want != "") {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	h.do(admin, "POST", invitesPath+"?dry_run=true", jane).is(400, "invalid_request").at("?dry_run")
}

// TestPaths: no way of writing a path leads anywhere else.
func TestPaths(t *testing.T) {
	t.Parallel()
	h := build(t)
	id := h.send("jane@example.com")
	for path, status := range map[string]int{
		"/v1/organizations/acme":                             200,
		"/v1/organizations/%61cme":                           200,
		"/v1/organizations/" + h.acme.ID:                     200,
		"/v1/organizations/ACME":                             404,
		"/v1/organizations/acme/":                            404,
		"/v1/organizations//acme":                            404,
		"//v1/organizations/acme":                            404,
		"/V1/organizations/acme":                             404,
		"/v1/organizations/":                                 404,
		"/v1/organizations/../connections":                   404,
		"/v1/organizations/other/../acme/invites":            404,
		"/v1/organizations/other%2f..%2facme":                404,
		"/v1/organizations/acme%2Finvites":                   404,
		"/v1/organizations/acme%2Finvites%2F" + id:           404,
		"/v1/organizations/acme%00":                          404,
		"/v1/organizations/%00":                              404,
		"/v1/organizations/acme%20":                          404,
		"/v1/organizations/acme+":                            404,
		"/v1/organizations/%2e%2e":                           404,
		"/v1/organizations/acme;x=1":                         404,
		"/v1/organizations/acme%3Fx=1":                       404,
		"/v1/organizations/%E2%80%8Bacme":                    404,
		"/v1/organizations/' OR '1'='1":                      404,
		"/v1/organizations/%25":                              404,
		"/v1/organizations/" + strings.Repeat("a", 5000):     404,
		"/v1/organizations/acme/invites/" + id:               200,
		"/v1/organizations/acme/invites/" + id + "%2Fresend": 404,
		"/v1/organizations/acme/invites/..%2f" + id:          404,
		"/v1/organizations/acme/invites/" + id + "%00":       404,
		"/v1/organizations/acme/invites/%ff":                 404,
		"/v1/connections/main/capabilities":                  200,
		"/v1/connections/main%00/capabilities":               404,
		"/v1/connections/%2e%2e/capabilities":                404,
		"/v1":                                                404,
		"/":                                                  404,
		"/docs/":                                             404,
		"/docs/../metrics":                                   404,
		"/metrics/":                                          404,
		"/openapi.yaml":                                      404,
		"/schemas/Invite.json":                               404,
	} {
		t.Run(path, func(t *testing.T) {
			h := on(t, h)
			got := h.do(admin, "GET", strings.ReplaceAll(path, " ", "%20"), "")
			if got.status != status || got.header.Get("Location") != "" {
				t.Errorf("got %d %v %s", got.status, got.header, got.body)
			}
			if status == 404 {
				got.is(404, "not_found")
			}
		})
	}
}
