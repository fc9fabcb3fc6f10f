package stage

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"
)

const keyBits = 2048

// SigningKey gives a simulator's key: the given one or, where that is nil, one
// that is made when it is first needed.
func SigningKey(given *rsa.PrivateKey) func() (*rsa.PrivateKey, error) {
	return sync.OnceValues(func() (*rsa.PrivateKey, error) {
		if given != nil {
			return given, nil
		}
		return rsa.GenerateKey(rand.Reader, keyBits)
	})
}
