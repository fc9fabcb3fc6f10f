package scim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"usher/scim"
)

// BenchmarkUsers reads a page of users as WSO2 sends them.
func BenchmarkUsers(b *testing.B) {
	var users []string
	for n := range 10 {
		users = append(users, fmt.Sprintf(`{"id":"8d2a%d","userName":"DEFAULT/user%d@example.com",
			"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:scim:wso2:schema"],
			"emails":["user%d@example.com",{"type":"work","value":"w%d@example.com"}],"name":{"givenName":"Ada","familyName":"Lovelace"},
			"roles":[{"value":"r1","display":"Administrator","type":"default"},{"value":"r2","display":"everyone"}],
			"meta":{"created":"2026-01-22T13:09:41.702Z","lastModified":"2026-01-22T13:09:41.702Z","location":"https://api.example/t/a/o/scim2/Users/8d2a%d","resourceType":"User"},
			"urn:scim:wso2:schema":{"managedOrg":"10084a8d","accountState":"UNLOCKED","isReadOnlyUser":"false"},
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"accountLocked":"false"}}`, n, n, n, n, n))
	}
	raw := []byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":10,"startIndex":1,"itemsPerPage":10,"Resources":[` + strings.Join(users, ",") + `]}`)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		var page scim.ListResponse[scim.User]
		if err := json.Unmarshal(raw, &page); err != nil || len(page.Resources) != 10 {
			b.Fatal(err)
		}
	}
}
