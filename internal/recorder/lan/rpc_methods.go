package lan

import "rekey/internal/recorder"

// Which recorders have a method.
func hasEnvelope(t recorder.Traits) bool    { return t.RPC2.Envelope }
func hasOwnONVIF(t recorder.Traits) bool    { return t.ONVIF == recorder.ONVIFOwn }
func hasCameraState(t recorder.Traits) bool { return t.RPC2.CameraState }

// sessionMethods is every method that /RPC2 answers to who has logged in.
var sessionMethods = map[string]method{
	"global.keepAlive":      {do: rpcKeepAlive},
	"global.logout":         {do: rpcLogout},
	"global.getCurrentTime": {do: rpcCurrentTime},

	"magicBox.getDeviceType":        {do: rpcTell("type", boxModel)},
	"magicBox.getDeviceClass":       {do: rpcTell("type", boxClass)},
	"magicBox.getSerialNo":          {do: rpcTell("sn", boxSerial)},
	"magicBox.getMachineName":       {do: rpcTell("name", boxName)},
	"magicBox.getVendor":            {do: rpcTell("Vendor", boxVendor)},
	"magicBox.getHardwareVersion":   {do: rpcTell("version", boxHardware)},
	"magicBox.getSoftwareVersion":   {do: rpcSoftwareVersion},
	"magicBox.getSystemInfo":        {do: rpcSystemInfo},
	"magicBox.getProductDefinition": {do: rpcProductDefinition},

	"userManager.getUserInfoAll":       {admin: true, do: rpcUsers},
	"userManager.getActiveUserInfoAll": {admin: true, do: rpcActiveUsers},
	"userManager.getGroupInfoAll":      {admin: true, do: rpcGroups},
	"userManager.getGroupInfo":         {admin: true, do: rpcGroup},
	"userManager.addUser":              {admin: true, on: hasEnvelope, do: rpcNeedsEnvelope},
	"userManager.deleteUser":           {admin: true, do: rpcDeleteUser},
	"userManager.modifyPassword":       {on: hasEnvelope, do: rpcNeedsEnvelope},

	"userManager.onvifgetUserInfoAll": {admin: true, on: hasOwnONVIF, do: rpcONVIFUsers},
	"userManager.onvifaddUser":        {admin: true, on: hasOwnONVIF, do: rpcONVIFAddUser},
	"userManager.onvifdeleteUser":     {admin: true, on: hasOwnONVIF, do: rpcONVIFDeleteUser},
	"userManager.onvifmodifyPassword": {admin: true, on: hasOwnONVIF, do: rpcONVIFModifyPassword},

	"Security.getEncryptInfo":      {on: hasEnvelope, do: rpcEncryptInfo},
	"Security.modifyPasswordPlain": {on: hasEnvelope, do: rpcModifyPassword},
	"Security.addUserPlain":        {admin: true, on: hasEnvelope, do: rpcAddUser},
	"Security.setConfig":           {admin: true, on: hasEnvelope, do: rpcSetConfig},

	"LogicDeviceManager.getCameraState": {admin: true, on: hasCameraState, do: rpcCameraState},
	"LogicDeviceManager.getCameraAll":   {admin: true, on: hasCameraState, do: rpcCameraAll},

	"IntervideoManager.getVersion": {do: rpcProtocolVersion},

	"configManager.getConfig": {admin: true, do: rpcGetConfig},
	"configManager.setConfig": {admin: true, do: rpcSetConfig},

	"mediaFileFind.factory.create": {right: recorder.RightPlayback, do: rpcFindCreate},
	"mediaFileFind.findFile":       {right: recorder.RightPlayback, do: rpcFindFile},
	"mediaFileFind.getCount":       {right: recorder.RightPlayback, do: rpcFindCount},
	"mediaFileFind.findNextFile":   {right: recorder.RightPlayback, do: rpcFindNext},
	"mediaFileFind.close":          {right: recorder.RightPlayback, do: rpcFindClose},
	"mediaFileFind.destroy":        {right: recorder.RightPlayback, do: rpcFindDestroy},

	"log.startFind":  {admin: true, do: rpcLogStart},
	"log.getCount":   {admin: true, do: rpcLogCount},
	"log.doSeekFind": {admin: true, do: rpcLogSeek},
	"log.stopFind":   {admin: true, do: rpcLogStop},

	"storage.getDeviceNames":   {do: rpcStorageNames},
	"storage.factory.instance": {do: rpcStorageInstance},
	"storage.getDeviceInfo":    {do: rpcStorage},
	"storage.getDeviceAllInfo": {do: rpcStorage},

	"upgrader.factory.instance": {admin: true, do: rpcUpgraderInstance},
	"upgrader.getState":         {admin: true, do: rpcUpgradeState},
}

// outsideMethods is what /OutsideCmd answers without a login. Nothing here
// changes anything.
var outsideMethods = map[string]method{
	"DevInit.getStatus":       {do: rpcInitStatus},
	"PasswdFind.getDescript":  {do: rpcPasswordHelp},
	"Security.getEncryptInfo": {do: rpcEncryptInfo},
}
