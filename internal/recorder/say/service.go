package say

// Service is one switch of a recorder's settings, in words.
type Service struct {
	Table, Key string // of the settings
	Group      string // under which heading it stands
	Title      string
	What       string
	Best       bool // what is recommended
	Why        string
}

// Headings of services.
const (
	FromOutside  = "From the internet"
	ForPrograms  = "For programs in your network"
	ForEngineers = "For engineers"
	ForItself    = "Watch and upkeep"
)

// ServiceGroups are the headings, in the order of the page.
func ServiceGroups() []string { return []string{FromOutside, ForPrograms, ForEngineers, ForItself} }

// SettingsOnly is what is honest to say above a list of services.
const SettingsOnly = "This training recorder keeps these settings, tells them to programs and puts every change on record; its own doors stay as they were started. A recorder that you buy acts on them."

// Services are all services that there are words for. A recorder has those of them
// that its settings have. Recovery by the support desk (PwdReset) belongs to the
// page Security, automatic update (AutoUpgrade) to the page Firmware.
func Services() []Service {
	const enable = "Enable"
	return []Service{
		{"T2UServer", enable, FromOutside, "Remote access by the maker's servers (P2P)", "The maker's app reaches the recorder from anywhere, by way of the maker's servers.", false,
			"Who has the password, or breaks into those servers, watches from anywhere. On only if you use the app away from home."},
		{"UPnP", enable, FromOutside, "UPnP", "The recorder asks the router to open its ports to the internet.", false,
			"It lets the whole world try passwords. A VPN to your own network is safer."},
		{"Web", enable, ForPrograms, "Web page (HTTP)", "The web page, and the programs that use the same door.", true,
			"Needed for the web page, which goes on to HTTPS where that is on."},
		{"Https", enable, ForPrograms, "Web page, encrypted (HTTPS)", "The same, encrypted.", true,
			"Without it passwords cross the network where others can read along."},
		{"RTSP", enable, ForPrograms, "RTSP", "Live pictures for players and other recorders.", true,
			"Most other recorders need it, and it asks for a password. Switch it off if nothing in your network uses it."},
		{"UserGlobal", "OnvifLoginCheck", ForPrograms, "ONVIF asks for a password", "Other makers' recorders and programs log in before they get pictures.", true,
			"Off, everybody in the network watches and sets the cameras."},
		{"Bonjour", enable, ForPrograms, "Bonjour", "Computers in the network find the recorder by its name.", false,
			"It tells everybody in the network that it is there. On only while you look for it."},
		{"Multicast", enable, ForPrograms, "Multicast", "One stream of pictures for many viewers at once.", false,
			"Everybody in the network can listen in. On only where a monitor wall needs it."},
		{"SNMP", enable, ForEngineers, "SNMP", "Programs that watch over networks ask the recorder how it is.", false,
			"Old versions of it send their password readable."},
		{"Telnet", enable, ForEngineers, "Telnet", "A command line for the maker's engineers.", false,
			"Nothing on it is encrypted, and worms look for it. Never leave it on."},
		{"SSHD", enable, ForEngineers, "SSH", "An encrypted command line for the maker's engineers.", false,
			"On only while an engineer whom you called works on the recorder."},
		{"AccessFilter", enable, ForItself, "Only known addresses", "Only computers on a list reach the recorder over the network.", false,
			"Good in a network that never changes. With an empty list it locks everybody out, so it leaves the factory off."},
		{"LoginFailureAlarm", enable, ForItself, "Alarm at wrong passwords", "The recorder raises an alarm when a password is typed wrong again and again.", true,
			"You learn of somebody who is trying."},
		{"NTP", enable, ForItself, "Clock by the network (NTP)", "The recorder sets its clock by a time server.", true,
			"Wrong times spoil recordings as evidence, and the codes of a second factor."},
	}
}
