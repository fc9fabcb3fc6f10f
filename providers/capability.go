package providers

// Capability names something a connection can do, as the API lists it.
type Capability string

// The capabilities that endpoints serve.
const (
	CapInvite      Capability = "invites.send"
	CapInviteMany  Capability = "invites.bulk"
	CapInviteList  Capability = "invites.reconcile"
	CapResend      Capability = "invites.resend"
	CapRevoke      Capability = "invites.revoke"
	CapAccept      Capability = "invites.accept"
	CapMembersList Capability = "members.list"
	CapRolesList   Capability = "roles.list"
)

// Support is how far a connection supports a capability.
type Support string

// The levels of support.
const (
	Native      Support = "native"
	Emulated    Support = "emulated" // usher supplies it; How says by what means
	Unsupported Support = "unsupported"
)

// CapabilityStatus is one row of a connection's capability document.
type CapabilityStatus struct {
	Capability Capability
	Support    Support
	How        string // with Emulated
}
