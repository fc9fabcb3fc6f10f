package asgardeo

// Kinds of mail the simulator sends.
const (
	MailSetPassword     = "set_password"     // create with askPassword, resend-code
	MailGuestInvitation = "guest_invitation" // guests/invite
	MailVerifyEmail     = "verify_email"     // create with verifyEmail
)
