package lan

import "rekey/internal/recorder"

// cgiPasswords: the recorders whose CGI has the actions that take a password.
func cgiPasswords(t recorder.Traits) bool { return t.CGI.Passwords != recorder.PasswordsElsewhere }

// cgiModules is every CGI action that the recorder answers.
var cgiModules = map[string]map[string]action{
	"magicBox.cgi": {
		"getDeviceType":        {do: tell("type", boxModel)},
		"getDeviceClass":       {do: tell("class", boxClass)},
		"getSerialNo":          {do: tell("sn", boxSerial)},
		"getMachineName":       {do: tell("name", boxName)},
		"getVendor":            {do: tell("vendor", boxVendor)},
		"getHardwareVersion":   {do: tell("version", boxHardware)},
		"getSoftwareVersion":   {do: cgiSoftwareVersion},
		"getSystemInfo":        {do: cgiSystemInfo},
		"getProductDefinition": {do: cgiProductDefinition},
	},
	"global.cgi": {
		"getCurrentTime": {do: cgiCurrentTime},
	},
	"userManager.cgi": {
		"getUserInfoAll":          {admin: true, do: cgiUsers},
		"getActiveUserInfoAll":    {admin: true, do: cgiActiveUsers},
		"getGroupInfoAll":         {admin: true, do: cgiGroups},
		"getGroupInfo":            {admin: true, do: cgiGroup},
		"addUser":                 {admin: true, on: cgiPasswords, do: cgiAddUser},
		"deleteUser":              {admin: true, do: cgiDeleteUser},
		"modifyPassword":          {on: cgiPasswords, do: cgiModifyPassword},
		"modifyPasswordByManager": {admin: true, on: cgiPasswords, do: cgiModifyPasswordByManager},
	},
	"configManager.cgi": {
		"getConfig": {admin: true, do: cgiGetConfig},
		"setConfig": {admin: true, do: cgiSetConfig},
	},
	"IntervideoManager.cgi": {
		"getVersion": {do: cgiProtocolVersion},
	},
	"Config.backup": {
		"All": {admin: true, do: cgiBackup},
	},
	"mediaFileFind.cgi": {
		"factory.create": {right: recorder.RightPlayback, do: cgiFindCreate},
		"findFile":       {right: recorder.RightPlayback, do: cgiFindFile},
		"findNextFile":   {right: recorder.RightPlayback, do: cgiFindNext},
		"close":          {right: recorder.RightPlayback, do: cgiFindClose},
		"destroy":        {right: recorder.RightPlayback, do: cgiFindDestroy},
	},
	"log.cgi": {
		"startFind": {admin: true, do: cgiLogStart},
		"doFind":    {admin: true, do: cgiLogNext},
		"stopFind":  {admin: true, do: cgiLogStop},
	},
	"storageDevice.cgi": {
		"getDeviceAllInfo":   {do: cgiStorage},
		"factory.getCollect": {do: cgiStorageNames},
	},
	"upgrader.cgi": {
		"getState": {admin: true, do: cgiUpgradeState},
	},
	"netApp.cgi": {
		"getInterfaces": {do: cgiInterfaces},
	},
}
