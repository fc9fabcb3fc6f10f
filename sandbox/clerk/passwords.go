package clerk

import (
	"regexp"
	"slices"
	"strings"
)

const shortestPassword = 8

// hashers are the digests the vendor takes over (FACTS.md section 12).
func hashers() []string {
	return []string{
		"bcrypt", "bcrypt_sha256_django", "md5", "pbkdf2_sha1", "pbkdf2_sha256", "pbkdf2_sha256_django", "pbkdf2_sha512",
		"pbkdf2_sha512_hex", "phpass", "md5_phpass", "scrypt_firebase", "scrypt_werkzeug", "sha256", "ldap_ssha", "argon2i", "argon2id",
		"sha512_symfony", "awscognito", "bcrypt_peppered", "md5_salted", "sha256_salted", "hmac_sha256_utf16_b64",
	}
}

// digestForm is the layout of a hasher's digests; nil where any text will do.
func digestForm(hasher string) *regexp.Regexp {
	switch hasher {
	case "bcrypt":
		return regexp.MustCompile(`^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$`)
	case "md5":
		return regexp.MustCompile(`^[0-9a-fA-F]{32}$`)
	case "sha256":
		return regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
	case "argon2i", "argon2id":
		return regexp.MustCompile(`^\$` + hasher + `\$v=\d+\$m=\d+,t=\d+,p=\d+\$[^$]+\$[^$]+$`)
	case "pbkdf2_sha256_django":
		return regexp.MustCompile(`^pbkdf2_sha256\$\d+\$[^$]+\$[^$]+$`)
	case "md5_salted", "sha256_salted":
		return regexp.MustCompile(`^[^$]+\$[^$]+$`)
	}
	return nil
}

func (s *Simulator) setPassword(u *user, in body) *failure {
	password, digest, hasher := in.text("password"), in.text("password_digest"), in.text("password_hasher")
	switch {
	case password != "" && digest != "":
		return invalid("password_digest", "Either a password or a digest is taken.")
	case password != "":
		if !in.isTrue("skip_password_checks", false) {
			if f := weak(password); f != nil {
				return f
			}
		}
		u.password, u.digest, u.passwordAt = password, false, s.clock.Now()
	case digest != "":
		if hasher == "" {
			return refuse("form_param_missing", "password_hasher is required with password_digest.", "param_name", "password_hasher")
		}
		if !slices.Contains(hashers(), hasher) {
			return invalid("password_hasher", "The hasher is not supported.")
		}
		if form := digestForm(hasher); form != nil && !form.MatchString(digest) {
			return refuse("form_password_digest_invalid_code", "The digest is not one of that hasher.", "param_name", "password_digest")
		}
		u.password, u.digest, u.passwordAt = digest, true, s.clock.Now()
	}
	return nil
}

// weak refuses short passwords and, of those found in breaches, a few.
func weak(password string) *failure {
	if len([]rune(password)) < shortestPassword {
		return refuse("form_password_length_too_short", "Passwords must be 8 characters or more.", "param_name", "password")
	}
	if slices.Contains([]string{"password", "password1", "password123", "12345678", "123456789", "qwerty123", "iloveyou"}, strings.ToLower(password)) {
		return refuse("form_password_pwned", "The password has been found in an online data breach.", "param_name", "password")
	}
	return nil
}

// verifyPassword compares with what was typed; a digest that was taken over is
// compared with nothing, so every password is wrong there.
func (s *Simulator) verifyPassword(c *call) (any, *failure) {
	in, f := c.read(need("password"))
	if f != nil {
		return nil, f
	}
	u, f := s.userOf(c)
	switch {
	case f != nil:
		return nil, f
	case u.password == "":
		return nil, refuse("password_not_set", "The user has no password.")
	case u.digest || u.password != in.text("password"):
		return nil, refuse("incorrect_password", "The password is wrong.", "param_name", "password")
	}
	return map[string]any{"verified": true}, nil
}
