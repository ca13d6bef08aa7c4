package recorder

// Screen is a generation of menus on the recorder's own screen: what differs in
// the owner's way to a new password. Sources are the makers' procedures; a model
// does not tell its generation, firmware does.
type Screen struct {
	Accounts []string // from the Main Menu to the list of accounts
	Modify   string   // what is ticked there to set a new password
}

// The generations. That of the N841 is the makers' phone procedure; "old local
// UI" and "new local UI" are the names that dealers' help pages give the next
// two; the last is that of the days of 6-character passwords.
var (
	screenSystem  = Screen{[]string{"Settings", "System", "Account", "User"}, "Password"}
	screenAccount = Screen{[]string{"ACCOUNT", "User"}, "Modify Password"}
	screenUsers   = Screen{[]string{"Users", "User"}, "Modify Password"}
	screenSetting = Screen{[]string{"Setting", "Account"}, "Modify Password"}
)
