package workos

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// newID returns the next id: prefix and a ULID, ordered by time, the same in
// every run of the same calls. Secrets never come from here.
func (s *Simulator) newID(prefix string) string {
	s.lastID++
	sum := sha256.Sum256(fmt.Appendf(nil, "workos sandbox %s %d", s.o.ClientID, s.lastID))
	return prefix + "_" + base32(uint64(s.clock.Now().UnixMilli()), 10) + base32(s.lastID, 6) + base32(binary.BigEndian.Uint64(sum[:]), 10)
}

// base32 writes the lowest 5*n bits of v.
func base32(v uint64, n int) string {
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		out[i] = crockford[v&31]
		v >>= 5
	}
	return string(out)
}

// newSecret returns n random characters, letters and digits.
func newSecret(n int) string {
	out := make([]byte, 0, n)
	b := make([]byte, 1)
	for len(out) < n {
		rand.Read(b) // never fails
		if int(b[0]) < 256/len(alphanumeric)*len(alphanumeric) {
			out = append(out, alphanumeric[int(b[0])%len(alphanumeric)])
		}
	}
	return string(out)
}

func newRequestID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
