package lan

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
	"userManager.addUser":              {admin: true, do: rpcNeedsEnvelope},
	"userManager.deleteUser":           {admin: true, do: rpcDeleteUser},
	"userManager.modifyPassword":       {do: rpcNeedsEnvelope},

	"Security.getEncryptInfo":      {do: rpcEncryptInfo},
	"Security.modifyPasswordPlain": {do: rpcModifyPassword},
	"Security.addUserPlain":        {admin: true, do: rpcAddUser},

	"configManager.getConfig": {admin: true, do: rpcGetConfig},
	"configManager.setConfig": {admin: true, do: rpcSetConfig},

	"mediaFileFind.factory.create": {do: rpcFindCreate},
	"mediaFileFind.findFile":       {do: rpcFindFile},
	"mediaFileFind.getCount":       {do: rpcFindCount},
	"mediaFileFind.findNextFile":   {do: rpcFindNext},
	"mediaFileFind.close":          {do: rpcFindClose},
	"mediaFileFind.destroy":        {do: rpcFindDestroy},

	"log.startFind":  {admin: true, do: rpcLogStart},
	"log.getCount":   {admin: true, do: rpcLogCount},
	"log.doSeekFind": {admin: true, do: rpcLogSeek},
	"log.stopFind":   {admin: true, do: rpcLogStop},

	"storage.getDeviceNames": {do: rpcStorageNames},
}

// outsideMethods is what /OutsideCmd answers without a login. Nothing here
// changes anything.
var outsideMethods = map[string]method{
	"DevInit.getStatus":       {do: rpcInitStatus},
	"PasswdFind.getDescript":  {do: rpcPasswordHelp},
	"Security.getEncryptInfo": {do: rpcEncryptInfo},
}
