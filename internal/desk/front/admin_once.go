package front

import "net/url"

// toldOnce is a secret on the one page that shows it.
type toldOnce struct {
	Title, Label, Secret string
	Says                 string   // what it is for and how long
	How                  []string // more, a paragraph each
	Code                 string   // an example to copy
	Back                 string
}

func pathSegment(s string) string { return url.PathEscape(s) }
