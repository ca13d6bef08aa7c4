package hikvision

import (
	"bytes"
	"strings"
	"testing"

	"rekey"
)

func TestParseAlike(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"XML":               `<?xml version="1.0"?><UserList xmlns="urn:a"><User><id>1</id><userName>admin</userName></User><User><id>2</id><userName>x</userName></User></UserList>`,
		"prefixes, NULs":    "\xef\xbb\xbf<a:UserList xmlns:a='urn:a'><a:User><a:id> 1 </a:id><a:userName>admin</a:userName></a:User><a:User><a:id>2</a:id></a:User></a:UserList>\x00\x00",
		"end missing":       `<UserList><User><id>1</id><userName>admin</userName></User><User><id>2</id><userName>R&D`,
		"JSON":              `{"UserList":{"User":[{"id":1,"userName":"admin"},{"id":2,"userName":"x"}]}}`,
		"JSON list":         ` {"UserList":[{"User":{"id":1,"userName":"admin"}},{"User":{"id":2}}]}`,
		"JSON list, direct": `{"UserList":[{"id":1,"userName":"admin"},{"id":2,"userName":"x"}]}`,
	} {
		doc, err := parse([]byte(text))
		if err != nil || !doc.root.is("userlist") {
			t.Errorf("%s: %v", name, err)
			continue
		}
		users := doc.root.all("User")
		if len(users) != 2 || users[0].exact("id") != "1" || users[0].value("userName") != "admin" || users[1].exact("id") != "2" {
			t.Errorf("%s: %+v", name, users)
		}
	}
	limits, err := parse([]byte(`{"SecurityCap":{"LoginPasswordLenLimit":{"@min":8,"@max":"16","#text":"8"},"on":true,"none":null}}`))
	if n := limits.root.find("LoginPasswordLenLimit"); err != nil || n == nil || n.attrs["min"] != "8" || n.attrs["max"] != "16" || n.text != "8" || limits.root.exact("on") != "true" {
		t.Errorf("%+v: %v", n, err)
	}
	for _, text := range []string{"", "x", "{", "{}x", `[1]`, "<", strings.Repeat("<a>", 100), `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}"} {
		if doc, err := parse([]byte(text)); err == nil && len(doc.root.all("User")) != 0 {
			t.Errorf("%q: %+v", text, doc.root)
		}
	}
}

func TestEdit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, out string }{
		{`<a><n>x</n></a>`, `<a><n>1 &lt; 2 &amp; "3"</n><m>y</m></a>`},
		{`<a><n/><b/></a>`, `<a><n>1 &lt; 2 &amp; "3"</n><m>y</m><b/></a>`},
		{`<p:a xmlns:p="u"><p:n z="/" /></p:a>`, `<p:a xmlns:p="u"><p:n z="/">1 &lt; 2 &amp; "3"</p:n><p:m>y</p:m></p:a>`},
		{`<a> <n
	q='1'></n ></a>`, `<a> <n
	q='1'>1 &lt; 2 &amp; "3"</n ><m>y</m></a>`},
	} {
		doc, err := parseExactly([]byte(tc.in))
		if err != nil {
			t.Fatal(err)
		}
		n := doc.root.find("n")
		if got := doc.apply(doc.behind(n, "m", "y"), doc.set(n, `1 < 2 & "3"`)); string(got) != tc.out && n.end > n.inner {
			t.Errorf("%s", got)
		} else if n.end == n.inner {
			// A self-closing tag is replaced as a whole; the one behind it stands apart.
			if got := doc.apply(doc.set(n, `1 < 2 & "3"`), doc.behind(n, "m", "y")); string(got) != tc.out {
				t.Errorf("%s", got)
			}
		}
	}
}

// FuzzEdit: what is written back is the same but for the one place.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(boxAccesses), "on & off")
	f.Add([]byte(newPeer().users[0].xml(isapiNS)), "x")
	f.Add([]byte(`<a><b/><c d="/>"/></a>`), "]]>")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		doc, err := parseExactly(data)
		if err != nil {
			return
		}
		if !bytes.Equal(doc.apply(), data) {
			t.Fatal("changed without an edit")
		}
		leaf := doc.root
		for len(leaf.kids) > 0 {
			leaf = leaf.kids[0]
		}
		if text == "" || carried(rekey.NewSecret(text)) != nil { // what passwords may hold
			return
		}
		again, err := parseExactly(doc.apply(doc.set(leaf, text)))
		if err != nil {
			t.Fatalf("%v: %q", err, doc.apply(doc.set(leaf, text)))
		}
		back := again.root
		for len(back.kids) > 0 {
			back = back.kids[0]
		}
		if back.text != text || back.name != leaf.name {
			t.Errorf("%q came back as %q", text, back.text)
		}
	})
}
