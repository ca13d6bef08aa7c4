package seat

import (
	"strings"
	"testing"

	"rekey/internal/recorder"
	"rekey/internal/rekeytest/browser"
)

// enterMenu logs in at the screen by mouse alone, from the live view on.
func enterMenu(tab *browser.Tab, account, password string) {
	tab.RightClick(".monitor")
	tab.Choose("Main Menu")
	tab.TypeByMouse("#account", account)
	tab.TypeByMouse("#password", password)
	tab.Press("Log in")
}

// TestAnotherAdminByMouse is the other-admin way, by mouse alone: the admin makes
// an activation code, hands it over, and the one who forgot comes in with it.
func TestAnotherAdminByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	n.withAnn(t, recorder.GroupUser)
	tab := n.sitDown(t)
	enterMenu(tab, "admin", lostPassword)
	tab.Press("System > Account > User")
	tab.Wants("Main Menu > Settings > System > Account > User", "Edit ann")
	show(t, tab, "users-admin")
	tab.Press("Edit ann")
	tab.Wants("Nobody but ann sets the password of ann")
	show(t, tab, "edit-other")
	tab.Press("Make an activation code")
	show(t, tab, "help")
	tab.TypeByMouse("#password", "Not-The-One-1")
	tab.Press("Make the code")
	tab.Wants("Nothing was changed", "4 tries left")
	show(t, tab, "help-wrong")
	tab.TypeByMouse("#password", lostPassword)
	tab.Press("Make the code")
	tab.Wants("It is shown this once")
	show(t, tab, "given")
	var groups []string
	for _, row := range []string{"1", "2", "3", "4"} {
		groups = append(groups, tab.Text(".groups tbody tr:nth-child("+row+") td"))
	}
	code := strings.Join(groups, "-")
	tab.Press("It is handed over")
	tab.Wants("An activation code waits for its use")
	tab.Press("Log out")

	enterMenu(tab, "ann", code)
	tab.Wants("You came in with an activation code", "nothing else is open")
	show(t, tab, "users-activation")
	tab.Press("Edit ann")
	tab.Wants("Old Password is the activation code")
	tab.Tick("#modify")
	tab.TypeByMouse("#old", code)
	tab.TypeByMouse("#new", freshPassword)
	tab.TypeByMouse("#confirm", freshPassword)
	show(t, tab, "edit-activation")
	tab.Press("OK")
	tab.Wants("The new password is set")

	enterMenu(tab, "ann", freshPassword)
	tab.Wants("Since you were last here", "activation code was made")
	show(t, tab, "menu-told")
	tab.Press("I have read this")
	tab.Wants("Logged in as ann")
	show(t, tab, "menu-user")
}

// TestUsersByMouse adds a user, changes rights and deletes.
func TestUsersByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	enterMenu(tab, "admin", lostPassword)
	tab.Press("System > Account > User")
	tab.Press("Add a user")
	show(t, tab, "add")
	tab.TypeByMouse("#name", "admin")
	tab.TypeByMouse("#password", lostPassword)
	tab.Press("Add the user")
	tab.Wants("No user was added", "There is a user of that name already")
	show(t, tab, "add-wrong")
	tab.TypeByMouse("#name", "bob")
	tab.Tick("#right-backup")
	tab.TypeByMouse("#password", lostPassword)
	tab.Press("Add the user")
	tab.Wants("Activation code for bob")
	tab.Press("It is handed over")
	tab.Tick("#right-playback")
	tab.TypeByMouse("#memo", "next door")
	tab.Press("Save")
	tab.Wants("Saved.")
	if got := n.box.RightsOf("bob"); len(got) != 1 || got[0] != recorder.RightLive {
		t.Errorf("bob may %v", got)
	}
	show(t, tab, "edit-invited")
	tab.Press("All users")
	tab.Wants("invited, until", "next door")
	show(t, tab, "users-invited")
	tab.Press("Edit bob")
	tab.Press("Delete bob")
	show(t, tab, "delete")
	tab.Tick("#sure")
	tab.Press("Delete")
	tab.Wants("The user is deleted")
	tab.Press("Edit admin")
	tab.Tick("#group-user")
	tab.Press("Save")
	tab.Wants("This is the last admin")
	show(t, tab, "last-admin")
}

// TestServicesByMouse goes through services, firmware and the security log.
func TestServicesByMouse(t *testing.T) {
	t.Parallel()
	n := newBench(t, lostPassword)
	tab := n.sitDown(t)
	if err := n.box.Record("login.refused", "x\x1b[31m\n\u202eevil", "<b>admin</b>\n\u202eevil", "wrong", nil); err != nil {
		t.Fatal(err)
	}
	enterMenu(tab, "admin", lostPassword)
	show(t, tab, "menu-admin")
	tab.Press("On and off")
	tab.Wants("Main Menu > Settings > Services", "not as recommended", "Telnet")
	show(t, tab, "services")
	tab.Press("Switch off: UPnP")
	tab.Wants("Saved, and on record")
	if table, _ := n.box.Table("UPnP"); table["Enable"] != "false" {
		t.Error("UPnP is still on")
	}
	tab.TypeByMouse("#tries", "99")
	tab.Press("Save")
	tab.Wants("Type a number from 1 to 30")
	show(t, tab, "services-wrong")
	tab.Press("Main Menu")
	tab.Press("Version and update")
	tab.Wants("Security baseline", "Automatic update")
	show(t, tab, "firmware")
	tab.Press("Switch on: automatic update")
	tab.Wants("Saved, and on record")
	tab.Press("Main Menu")
	tab.Press("What happened, in words")
	tab.Wants(`The service "UPnP" was switched off.`)
	show(t, tab, "log-all")
	tab.Press("Refused")
	tab.Wants(`A log-in as "<b>admin</b>\n\u202eevil" was refused.`, `"x\x1b[31m\n\u202eevil"`)
	show(t, tab, "log-refused")
}
