package clerk

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"strings"
	"time"
)

const (
	ksuidEpoch  = 1400000000 // seconds
	ksuidLength = 27
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newID makes an id of the vendor's form: a prefix and a KSUID, which is the
// time in seconds and 16 random bytes in base 62 (FACTS.md section 1).
func (s *Simulator) newID(prefix string) string {
	var raw [20]byte
	binary.BigEndian.PutUint32(raw[:4], uint32(s.clock.Now().Unix()-ksuidEpoch)) //nolint:gosec // wraps in 2150
	fillRandom(raw[4:])
	n, base, digit := new(big.Int).SetBytes(raw[:]), big.NewInt(int64(len(base62))), new(big.Int)
	var out [ksuidLength]byte
	for i := ksuidLength - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		out[i] = base62[digit.Int64()]
	}
	return prefix + "_" + string(out[:])
}

// fillRandom fills b; crypto/rand.Read never fails.
func fillRandom(b []byte) { _, _ = rand.Read(b) }

func newTraceID() string {
	var raw [16]byte
	fillRandom(raw[:])
	return hex.EncodeToString(raw[:])
}

func newSecretKey(production bool) string {
	if production {
		return "sk_live_" + rand.Text() + rand.Text()
	}
	return "sk_test_" + rand.Text() + rand.Text()
}

// ms is a time as the API writes it.
func ms(t time.Time) int64 { return t.UnixMilli() }

// msOrNil is null for the zero time.
func msOrNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return ms(t)
}

// normalize is an identifier as the vendor keeps it (FACTS.md section 11, trap 4).
func normalize(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

func find[T any](list []*T, ok func(*T) bool) *T {
	for _, one := range list {
		if ok(one) {
			return one
		}
	}
	return nil
}

func filter[T any](list []*T, ok func(*T) bool) []*T {
	out := []*T{}
	for _, one := range list {
		if ok(one) {
			out = append(out, one)
		}
	}
	return out
}

func views[T any](list []*T, view func(*T) map[string]any) []any {
	out := make([]any, 0, len(list))
	for _, one := range list {
		out = append(out, view(one))
	}
	return out
}
