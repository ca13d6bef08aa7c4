package staff

import "strings"

// browserWords is what a person recognises of a User-Agent, such as "Firefox on Linux".
func browserWords(userAgent string) string {
	find := func(otherwise string, words [][2]string) string {
		for _, w := range words {
			if strings.Contains(userAgent, w[0]) {
				return w[1]
			}
		}
		return otherwise
	}
	// Browsers also name those that they want to be taken for: the particular first.
	browser := find("a program", [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"}, {"rekey", "rekey"}, {"Mozilla/", "a browser"}})
	system := find("", [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"},
		{"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}})
	if system == "" {
		return browser
	}
	return browser + " on " + system
}
