package nodetest_test

import (
	"net/http"
	"testing"

	"usher/internal/nodetest"
)

func TestEveryModuleLoads(t *testing.T) {
	nodetest.Run(t, "testdata/load.mjs", nil)
}

func TestServedScriptAnswersUntilTheTestEnds(t *testing.T) {
	url := nodetest.Serve(t, "testdata/serve.mjs", map[string]string{"GREETING": "hello"})
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK || res.Header.Get("Greeting") != "hello" {
		t.Fatalf("%d, greeting %q", res.StatusCode, res.Header.Get("Greeting"))
	}
}
