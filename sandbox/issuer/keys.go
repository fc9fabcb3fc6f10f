package issuer

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

const keyBits = 2048

// maxKeys is how many keys are published at once: the signing one and those
// before it.
const maxKeys = 4

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

// Rotate makes a new key and signs with it from now on. The keys before it
// stay in the key set, so that tokens signed with them still verify, unless
// drop is set.
func (i *Issuer) Rotate(drop bool) error {
	private, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("issuer: make a key: %w", err)
	}
	fresh := signingKey{id: uuid.NewString(), private: private}
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []signingKey{fresh}
	if !drop {
		keys = append(keys, i.keys...)
	}
	i.keys = keys[:min(len(keys), maxKeys)]
	return nil
}

// KeyID returns the kid of the key that signs now.
func (i *Issuer) KeyID() string {
	i.mu.RLock()
	defer i.mu.RUnlock()
	return i.keys[0].id
}

func (i *Issuer) signer() (jose.Signer, error) {
	i.mu.RLock()
	key := i.keys[0]
	i.mu.RUnlock()
	return jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key.private, KeyID: key.id}},
		(&jose.SignerOptions{}).WithType(TokenType),
	)
}

// publicKeys returns the key set as published (RFC 7517 section 5).
func (i *Issuer) publicKeys() jose.JSONWebKeySet {
	i.mu.RLock()
	defer i.mu.RUnlock()
	var set jose.JSONWebKeySet
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.RS256), Use: "sig",
		})
	}
	return set
}
