package oidc

import (
	"regexp"
	"strings"
)

// shape is what a token looks like, as far as that leads it to an issuer.
type shape int

const (
	shapeOther  shape = iota // a JWT, or something that nobody is asked about
	shapeOpaque              // neither of the two below, and no JWT
	shapeUUID
	shapeSealed // encrypted with a key that only its issuer has
	shapes      // how many there are
)

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

const uuidLength = 36

func shapeOf(bearer string) shape {
	switch strings.Count(bearer, ".") {
	case 0:
		switch {
		case bearer == "":
			return shapeOther
		case len(bearer) == uuidLength && uuidForm.MatchString(bearer):
			return shapeUUID
		}
		return shapeOpaque
	case 1:
		return shapeOpaque
	case 4:
		if isSealed(bearer) {
			return shapeSealed
		}
	}
	return shapeOther
}

// isSealed reports whether a token is a compact JWE (RFC 7516 section 7.1) as
// Nile makes them: contracts/nile/FACTS.md section 2. Other issuers encrypt
// their tokens with alg dir too and name themselves in the header, so there
// must be nothing in it but alg and enc, and no encrypted key beside it
// (section 5.1 step 5).
func isSealed(bearer string) bool {
	parts := strings.Split(bearer, ".")
	if parts[1] != "" {
		return false
	}
	for _, part := range parts[2:] {
		if _, err := decodePart(part); err != nil {
			return false
		}
	}
	text, err := decodePart(parts[0])
	if err != nil {
		return false
	}
	fields, err := decodeObject(text)
	return err == nil && len(fields) == 2 && fields["alg"] == "dir" && fields["enc"] == "A256GCM"
}
