package faces

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"
)

// takes: the rule holds for that password of that account.
func (c Complexity) takes(account, password string) bool {
	var upper, number, special int
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			upper++
		case unicode.IsDigit(r):
			number++
		case !unicode.IsLetter(r):
			special++
		}
	}
	named := c.BlockUsernameOccurrence && strings.Contains(password, account)
	return len(password) >= c.MinLen && upper >= c.Uppercase && number >= c.Number && special >= c.SpecialChars && !named
}

// security are the capabilities of the device service. The list of policies is
// there where there is one.
func (o *ONVIFBox) security() string {
	policies := ""
	if o.Complexity != nil {
		policies = ` SecurityPolicies="PasswordComplexity"`
	}
	return fmt.Sprintf(`<tds:Capabilities><tds:Network/><tds:Security UsernameToken="%t" HttpDigest="%t" MaxUsers="8" MaxUserNameLength="32" MaxPasswordLength="28"%s/><tds:System/></tds:Capabilities>`,
		o.Login != ByDigest, o.Login != ByToken, policies)
}

func (o *ONVIFBox) complexity(w http.ResponseWriter, operation string) {
	c := o.Complexity
	switch {
	case c == nil:
		soapFault(w, http.StatusInternalServerError, "Receiver", "ActionNotSupported", "Optional Action Not Implemented")
	case operation == "GetPasswordComplexityOptions":
		soapAnswer(w, operation, "<tds:MinLenRange><tt:Min>8</tt:Min><tt:Max>28</tt:Max></tds:MinLenRange><tds:PolicyConfigurationLockedSupported>false</tds:PolicyConfigurationLockedSupported>")
	default:
		soapAnswer(w, operation, fmt.Sprintf("<tds:MinLen>%d</tds:MinLen><tds:Uppercase>%d</tds:Uppercase><tds:Number>%d</tds:Number><tds:SpecialChars>%d</tds:SpecialChars><tds:BlockUsernameOccurrence>%t</tds:BlockUsernameOccurrence><tds:PolicyConfigurationLocked>false</tds:PolicyConfigurationLocked>",
			c.MinLen, c.Uppercase, c.Number, c.SpecialChars, c.BlockUsernameOccurrence))
	}
}
