package live

import (
	"net/url"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		query             string
		channels          int
		size, first, last int
		choices           int
	}{
		{"", 1, 1, 1, 1, 1},
		{"", 2, 4, 1, 2, 2},
		{"", 8, 9, 1, 8, 3},
		{"", 64, 16, 1, 16, 4},
		{"view=16&camera=64", 64, 16, 49, 64, 4},
		{"view=4&camera=6", 8, 4, 5, 8, 3},
		{"view=1&camera=3", 8, 1, 3, 3, 3},
		{"view=9&camera=20", 20, 9, 19, 20, 4},
		{"view=5&camera=0", 8, 9, 1, 8, 3},
		{"view=-1&camera=9", 8, 9, 1, 8, 3},
		{"view=99999999999999999999&camera=x", 8, 9, 1, 8, 3},
	} {
		q, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		p := SplitOf(q, c.channels)
		if p.Size != c.size || p.First != c.first || p.Last() != c.last || len(p.Choices()) != c.choices || p.Side()*p.Side() != p.Size {
			t.Errorf("%s of %d: %+v, to %d", c.query, c.channels, p, p.Last())
		}
		q, err = url.ParseQuery(p.Query()[1:])
		if again := SplitOf(q, c.channels); err != nil || again != p {
			t.Errorf("%s leads to %+v instead of %+v", p.Query(), again, p)
		}
	}
}
