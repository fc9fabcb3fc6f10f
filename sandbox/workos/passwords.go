package workos

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
)

// schemes are the password hashes that can be imported, by what they look
// like (FACTS.md section 12).
func schemes() map[string]string {
	const b64, plain = `[A-Za-z0-9+/]+={0,2}`, `[A-Za-z0-9+/]+`
	return map[string]string{
		"bcrypt":          `^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$`,
		"firebase-scrypt": `^\$firebase-scrypt\$hash=[^$]+\$salt=[^$]+\$sk=[^$]+\$ss=[^$]+\$r=\d+\$m=\d+$`,
		"ssha":            `^\{SSHA\}` + b64 + `$`,
		"ssha256":         `^(\{SSHA256\})?` + b64 + `$`,
		"scrypt":          `^\$scrypt\$v=1\$n=\d+,r=\d+,p=\d+,kl=\d+\$` + plain + `\$` + plain + `$`,
		"pbkdf2":          `^\$pbkdf2\$i=(\d+),d=(sha256|sha512)\$` + plain + `\$` + plain + `$`,
		"argon2":          `^\$argon2(?:id|i|d)\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$` + plain + `\$` + plain + `$`,
	}
}

func (b *userBody) readPassword(f *fields, update bool) {
	var password *string
	if password, b.hasPassword = f.nullable("password"); b.hasPassword && password == nil {
		if update {
			f.wrong("password", "invalid_type")
		}
		b.hasPassword = false
	} else if password != nil {
		b.password = *password
	}
	b.hash, b.scheme, b.saltPos = f.text("password_hash"), f.text("password_hash_type"), f.oneOf("password_salt_position", []string{"prefix", "suffix"})
	_, b.hasHash = f.m["password_hash"]
	_, b.hasScheme = f.m["password_hash_type"]
	_, b.hasSaltPos = f.m["password_salt_position"]
	if _, known := schemes()[b.scheme]; b.hasScheme && !known {
		f.wrong("password_hash_type", "invalid_enum")
	}
	if !b.hasPassword && b.hasHash != b.hasScheme {
		f.wrong("password_hash_type", "required")
	}
}

// passwordRefusal is the code a password is refused with; empty: it will do.
func (b *userBody) passwordRefusal(shortest int) (code string, problems []problem) {
	switch {
	case b.hasPassword && b.hasHash:
		return "password_and_password_hash_provided", nil
	case b.hasPassword && b.hasScheme:
		return "password_and_password_hash_type_provided", nil
	case b.hasSaltPos && !b.hasHash:
		return "password_salt_position_requires_password_hash", nil
	case b.hasPassword && len([]rune(b.password)) < shortest:
		return "password_strength_error", []problem{{Code: "password_too_short", Message: "Password must be at least " + strconv.Itoa(shortest) + " characters."}}
	case b.hasHash && (!goodHash(b.scheme, b.hash) || b.hasSaltPos && b.scheme != "ssha256"):
		return "invalid_password_hash", nil
	}
	return "", nil
}

func goodHash(scheme, hash string) bool {
	parts := regexp.MustCompile(schemes()[scheme]).FindStringSubmatch(hash)
	if parts == nil {
		return false
	}
	number := func(i, least, most int) bool {
		n, err := strconv.Atoi(parts[i])
		return err == nil && n >= least && n <= most
	}
	switch scheme {
	case "ssha": // a SHA-1 and a salt behind it
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hash, "{SSHA}"))
		return err == nil && len(raw) > 20
	case "pbkdf2":
		least := map[string]int{"sha256": 600_000, "sha512": 210_000}[parts[2]]
		return number(1, least, 1_000_000)
	case "argon2":
		return number(1, 4096, 262_144) && number(2, 1, 5) && number(3, 1, 8)
	}
	return true
}

func (b *userBody) setPassword(u *user) {
	if b.hasPassword {
		u.password, u.passwordHash, u.passwordScheme = b.password, "", ""
	}
	if b.hasHash {
		u.password, u.passwordHash, u.passwordScheme = "", b.hash, b.scheme
	}
	if b.hasPassword || b.hasHash {
		u.stub = false
	}
}
