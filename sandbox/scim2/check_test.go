package scim2_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elimity-com/scim/schema"

	"usher/sandbox/fault"
	"usher/sandbox/sandboxtest"
	"usher/sandbox/scim2"
)

// checker looks at every answer with the eyes of the RFCs, whatever a test
// expects of it. Quirks that break a rule excuse it.
type checker struct {
	sim *scim2.Simulator

	mu       sync.Mutex
	problems []string
}

func (c *checker) report(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.problems {
		t.Errorf("RFC: %s", p)
	}
}

func (c *checker) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		res := rec.Result()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			panic(err)
		}
		if strings.HasPrefix(r.URL.Path, c.sim.Path()) && res.Header.Get(fault.Header) == "" {
			c.exchange(r, res, body)
		}
		for name, values := range res.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(body)
	})
}

func (c *checker) exchange(r *http.Request, res *http.Response, body []byte) {
	fail := func(format string, args ...any) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.problems = append(c.problems, fmt.Sprintf("%s %s %d: ", r.Method, r.URL.RequestURI(), res.StatusCode)+fmt.Sprintf(format, args...)+": "+string(body))
	}
	q := c.sim.Quirks()
	if res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
		if len(body) > 0 {
			fail("a body")
		}
		return
	}
	if kind := res.Header.Get("Content-Type"); kind != "application/scim+json" && !q.AsJSON {
		fail("Content-Type %q (RFC 7644 3.1)", kind)
	}
	var m object
	if err := json.Unmarshal(body, &m); err != nil {
		fail("%v", err)
		return
	}
	names := strings.Join(texts(m["schemas"]), " ")
	switch {
	case res.StatusCode >= 400:
		checkError(m, names, res, q, fail)
	case names == messages+"ListResponse":
		c.list(m, q, fail)
	case names == messages+"BulkResponse":
		for _, o := range m["Operations"].([]any) {
			checkBulk(o.(object), q, fail)
		}
	case strings.HasPrefix(names, userSchema), strings.HasPrefix(names, groupSchema):
		checkResource(m, q, fail)
		if location := sandboxtest.At(m, "meta", "location"); location != nil && res.Header.Get("Location") != location {
			fail("Location %q (RFC 7644 3.1)", res.Header.Get("Location"))
		}
		if version := sandboxtest.At(m, "meta", "version"); version != nil && res.Header.Get("ETag") != version {
			fail("ETag %q (RFC 7644 3.14)", res.Header.Get("ETag"))
		}
	case names == "":
		fail("no schemas (RFC 7643 3)")
	}
}

type failing = func(format string, args ...any)

// checkError knows RFC 7644 section 3.12: the envelope and which scimType goes
// with which status.
func checkError(m object, names string, res *http.Response, q scim2.Quirks, fail failing) {
	if names != messages+"Error" || m["detail"] == "" {
		fail("not the error envelope")
	}
	if status := strconv.Itoa(res.StatusCode); m["status"] != status && !q.NumericStatus {
		fail("status %v", m["status"])
	}
	allowed := map[int][]string{
		400: {"invalidFilter", "tooMany", "mutability", "invalidSyntax", "invalidPath", "noTarget", "invalidValue", "invalidVers", "sensitive"},
		409: {"uniqueness"},
	}
	kind, has := m["scimType"].(string)
	if has && !slices.Contains(allowed[res.StatusCode], kind) && q.DuplicateStatus == http.StatusConflict {
		fail("scimType %s", kind)
	}
	if !has && res.StatusCode == 400 {
		fail("no scimType")
	}
	if res.StatusCode == 401 && res.Header.Get("WWW-Authenticate") == "" {
		fail("no challenge (RFC 9110 15.5.2)")
	}
	if res.StatusCode == 405 && res.Header.Get("Allow") == "" && q.PatchRefusal != http.StatusMethodNotAllowed {
		fail("no Allow (RFC 9110 15.5.6)")
	}
}

// list knows RFC 7644 section 3.4.2, table 2.
func (c *checker) list(m object, q scim2.Quirks, fail failing) {
	rows, _ := m["Resources"].([]any)
	total, ok := m["totalResults"].(float64)
	if !ok || int(total) < len(rows) {
		fail("totalResults")
	}
	if int(total) > 0 && m["Resources"] == nil {
		fail("no Resources")
	}
	if n, ok := m["itemsPerPage"].(float64); !ok || int(n) != len(rows) {
		fail("itemsPerPage")
	}
	if n, ok := m["startIndex"].(float64); !ok || n < 1 {
		fail("startIndex")
	}
	for _, row := range rows {
		r := row.(object)
		if names := texts(r["schemas"]); len(names) > 0 && (names[0] == userSchema || names[0] == groupSchema) {
			checkResource(r, q, fail)
		}
	}
}

func checkBulk(o object, q scim2.Quirks, fail failing) {
	status, ok := o["status"].(string)
	if !ok && !q.NumericStatus {
		fail("a bulk status is no string (RFC 7644 3.7)")
		return
	}
	if !ok {
		status = fmt.Sprint(o["status"])
	}
	failed := status >= "400"
	if o["location"] == nil && !(failed && o["method"] == "POST") {
		fail("a bulk operation has no location (RFC 7644 3.7)")
	}
	if failed != (o["response"] != nil) {
		fail("a bulk response is for failures (RFC 7644 3.7)")
	}
}

// checkResource knows RFC 7643: what a resource may have, by its schemas.
func checkResource(m object, q scim2.Quirks, fail failing) {
	attributes := append(schema.CommonAttributes(), schema.CoreUserSchema().Attributes...)
	if texts(m["schemas"])[0] == groupSchema {
		attributes = append(schema.CommonAttributes(), schema.CoreGroupSchema().Attributes...)
	}
	if id, _ := m["id"].(string); id == "" {
		fail("no id (RFC 7643 3.1)")
	}
	extended := slices.Contains(texts(m["schemas"]), enterprise)
	for name, v := range m {
		if name == enterprise {
			if !extended {
				fail("an extension that schemas do not name (RFC 7643 3)")
			}
			for name, v := range v.(object) {
				checkValue(schema.ExtensionEnterpriseUser().Attributes, name, v, q, fail)
			}
			continue
		}
		checkValue(attributes, name, v, q, fail)
	}
}

func checkValue(attributes schema.Attributes, name string, v any, q scim2.Quirks, fail failing) {
	a, ok := attributes.ContainsAttribute(name)
	switch {
	case !ok:
		fail("%s is in no schema", name)
		return
	case a.Name() != name:
		fail("%s is spelt %s", a.Name(), name)
	case a.Returned() == "never":
		fail("%s is never returned (RFC 7643 7)", name)
	}
	all, isList := v.([]any)
	if isList != a.MultiValued() || isList && len(all) == 0 {
		fail("%s: one or many (RFC 7643 2.4)", name)
	}
	if !isList {
		all = []any{v}
	}
	primary := 0
	for _, one := range all {
		switch a.AttributeType() {
		case "complex":
			parts, _ := one.(object)
			if len(parts) == 0 {
				fail("%s has an empty value", name)
			}
			for part, v := range parts {
				checkValue(a.SubAttributes(), part, v, q, fail)
			}
			if parts["primary"] == true {
				primary++
			}
		case "boolean":
			if _, ok := one.(bool); !ok && !q.StringBooleans {
				fail("%s is no boolean", name)
			}
		case "dateTime":
			if _, err := time.Parse(time.RFC3339, fmt.Sprint(one)); err != nil {
				fail("%s: %v", name, err)
			}
		default:
			if _, ok := one.(string); !ok {
				fail("%s is no string", name)
			}
		}
	}
	if primary > 1 {
		fail("%s has %d primary values (RFC 7643 2.4)", name, primary)
	}
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}
