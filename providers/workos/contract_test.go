package workos

import (
	"regexp"
	"sync"
	"testing"

	"usher/internal/contracttest"
	"usher/sandbox/workos/contract"
)

// documents returns the validator that every rig's traffic passes, in both
// directions; nil where the vendor's document is not to be had.
var documents = sync.OnceValue(func() (v *contracttest.Validator) {
	defer func() {
		if r := recover(); r != nil && r != any(absent{}) {
			panic(r)
		}
	}()
	v, err := contracttest.Load(contracttest.Dir(finder{}, "workos"), spec())
	if err != nil {
		panic(err)
	}
	return v
})

// spec lets answers pass as they were before the document had all it has now.
func spec() contracttest.Spec {
	s := contract.Spec()
	s.Known = append(s.Known, contracttest.Exemption{
		Method: "GET", Status: 200, Error: regexp.MustCompile(`missing (property 'role_slug'|properties 'roles', 'user')`),
		Reason: "sections 6.1 and 7: fields added in 2026, whose absence is tolerated",
	})
	return s
}

// finder looks for the documents on nobody's behalf: their absence skips no
// test, since the tests hold without them.
type finder struct{ testing.TB }

type absent struct{}

func (finder) Helper()               {}
func (finder) Skipf(string, ...any)  { panic(absent{}) }
func (finder) Fatalf(string, ...any) { panic(absent{}) }
func (finder) Fatal(args ...any)     { panic(args) }

// Says visibly whether the tests here were held against the document.
func TestDocumentIsThere(t *testing.T) {
	t.Parallel()
	contracttest.Dir(t, "workos")
	if documents() == nil {
		t.Error("the document is there, and the tests ran without it")
	}
}
