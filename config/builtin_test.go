package config_test

import (
	"reflect"
	"testing"
)

const small = `public_url: https://usher.example.com
mail: {host: smtp.example.com, from: usher@example.com}
issuers:
  - name: main
    issuer: https://issuer.example.com
    audiences: [usher]
organizations:
  - {slug: acme, connection: local, provider_id: acme}
`

// With no vendor configured usher has the built-in directory, as if it had been
// written down.
func TestBuiltInDirectory(t *testing.T) {
	t.Parallel()
	got := mustParse(t, small)
	want := mustParse(t, small+`connections:
  - name: local
    provider: local
    issuers: [main]
    roles:
      admin: {provider: Administrator, grantable_by: [admin]}
      member: {provider: Member}
`)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestBuiltInDirectoryNeedsMail(t *testing.T) {
	t.Parallel()
	wants(t, "listen: 0.0.0.0:8080\nissuers:\n  - name: main\n    issuer: https://issuer.example.com\n    audiences: [usher]\n", []string{
		`1 mail: is needed: usher mails the invitations of the connection "local" itself`,
		`1 public_url: is needed: invitees of the connection "local" accept by a link to it`,
	})
}
