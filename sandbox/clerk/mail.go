package clerk

// Kinds of mail the simulator sends.
const (
	MailOrganizationInvitation = "organization_invitation"
	MailInvitation             = "invitation" // to the application
)
