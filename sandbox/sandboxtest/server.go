package sandboxtest

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Serve puts what open makes on a server until the test ends. open is told the
// server's address, which a simulator writes into its links.
func Serve(t *testing.T, open func(base string) http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	srv.Config.Handler = open("http://" + srv.Listener.Addr().String())
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

var key = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Key is a signing key, the same for all simulators of a process, since making
// one takes long.
func Key() *rsa.PrivateKey { return key() }
