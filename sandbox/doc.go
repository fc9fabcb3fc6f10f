// Package sandbox is the demo world: simulated vendors, an OpenID Connect
// issuer and a mail catcher, started together on loopback addresses. `usher
// demo`, `usher sandbox` and the end-to-end tests run against it.
//
//	Start ─┬─ issuer      discovery, keys, tokens        (sandbox/issuer)
//	       ├─ mail        SMTP in, JSON and a page out   (sandbox/mail)
//	       └─ vendors     one row each in vendors.go     (sandbox/asgardeo, …, all on sandbox/stage)
//
// A world starts empty but for one organization a vendor, with one
// administrator and one member in it. Every secret and key is made at start
// and forgotten at the end. [Sandbox.Facts] says what a gateway's
// configuration needs to use the world, [Sandbox.Env] what a shell needs, and
// [Person] plays the people who open their mails.
//
// The package does not know the gateway: it starts none, and writes no
// configuration.
package sandbox
