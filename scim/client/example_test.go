package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"usher/internal/httpx"
	"usher/scim"
	"usher/scim/client"
)

func ExampleClient_FindUsers() {
	server := httptest.NewServer(listing(1, 10, func(n, _ int) int { return n }))
	defer server.Close()
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL})
	f, err := scim.Eq(scim.RFC, "userName", "u1")
	if err != nil {
		fmt.Println(err)
		return
	}
	users, err := c.FindUsers(context.Background(), f)
	fmt.Println(len(users), users[0].UserName, err)
	// Output: 1 u1 <nil>
}

func ExampleClient_CreateUser() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"9","userName":"a@example.com"}`)
	}))
	defer server.Close()
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL})
	u, err := c.CreateUser(context.Background(), scim.User{UserName: "a@example.com"})
	fmt.Println(u.ID, err)
	// Output: 9 <nil>
}

func ExampleAll() {
	server := httptest.NewServer(listing(25, 10, func(n, _ int) int { return n }))
	defer server.Close()
	c := client.New(httpx.New(nil), client.Options{BaseURL: server.URL, PageSize: 10})
	n := 0
	for _, err := range client.All[scim.User](context.Background(), c, "/Users", scim.Filter{}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		n++
	}
	fmt.Println(n)
	// Output: 25
}
