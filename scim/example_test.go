package scim_test

import (
	"encoding/json"
	"fmt"

	"usher/scim"
)

func ExampleEq() {
	f, err := scim.Eq(scim.RFC, "userName", "a@example.com")
	fmt.Println(f, err)
	_, err = scim.Eq(scim.RFC, "userName", `x" or userName sw "a`)
	fmt.Println(err)
	// Output:
	// userName eq "a@example.com" <nil>
	// scim: the value cannot be carried in a filter
}

func ExampleNewPatch() {
	path, err := scim.Select(scim.RFC, "members", "2819c223")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := json.Marshal(scim.NewPatch(scim.Remove(path)).Operations)
	fmt.Println(string(text), err)
	// Output: [{"op":"remove","path":"members[value eq \"2819c223\"]"}] <nil>
}

func ExampleUser() {
	var u scim.User
	err := json.Unmarshal([]byte(`{"id":"1","userName":"DEFAULT/a@example.com","emails":["a@example.com"],"active":"true"}`), &u)
	fmt.Println(u.UserName, u.Addresses(), *u.Active, err)
	// Output: DEFAULT/a@example.com [a@example.com] true <nil>
}
