package dahua

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rekey"
)

// shown are disks in one line each.
func shown(disks []rekey.Disk) string {
	var all []string
	for _, d := range disks {
		all = append(all, fmt.Sprintf("%s %q %t %d/%d", d.Name, d.State, d.OK, d.Used, d.Total))
	}
	return strings.Join(all, "; ")
}

const (
	lacksRight = `{"id":$ID,"result":false,"error":{"code":285278249,"message":"Authority:check failure."}}`
	anObject   = `{"id":$ID,"result":4660,"params":null}`
)

func params(text string) func(call) string {
	return says(`{"id":$ID,"result":true,"params":` + text + `}`)
}

func TestStorageByRPC(t *testing.T) {
	t.Parallel()
	const full = `{"Name":"/dev/md0","State":"Success","HealthDataFlag":0,"Detail":[{"Path":"/mnt/a","Type":"ReadWrite","TotalBytes":4000.0,"UsedBytes":4000.000000,"IsError":false},{"Path":"/mnt/b","TotalBytes":"1e3","UsedBytes":500}]}`
	for name, tc := range map[string]struct{ first, second, want string }{
		"info":           {`{"info":[` + full + `]}`, "", `/dev/md0 "Success" true 4500/5000`},
		"bare list":      {`[` + full + `]`, "", `/dev/md0 "Success" true 4500/5000`},
		"no disk":        {`{"info":[]}`, "", ""},
		"no disk, null":  {`{"info":null}`, "", ""},
		"failed":         {`{"info":[{"Name":"/dev/sda","State":"Error"},` + full + `]}`, "", `/dev/sda "Error" false 0/0; /dev/md0 "Success" true 4500/5000`},
		"failed in part": {`{"info":[{"State":"Success","Detail":[{"Path":"/mnt/c","IsError":true,"TotalBytes":9}]}]}`, "", `/mnt/c "IsError, Success" false 0/9`},
		"without a word": {`{"info":[{"Detail":[{"TotalBytes":7}]}]}`, "", `disk 1 "" true 0/7`},
		"impossible":     {`{"info":[{"Name":"x","Detail":[{"TotalBytes":-5,"UsedBytes":9e99},{"TotalBytes":9223372036854775807},{"TotalBytes":9223372036854775807}]}]}`, "", `x "" true 0/1152921504606846976`},
		"other manager":  {"", `{"device":[{"Name":"/dev/sdb","State":"Running","Capacity":4000787030016,"Partitions":[{"Total":100,"Remain":30},{"Total":50,"Remain":0}]}]}`, `/dev/sdb "Running" true 120/150`},
		"no partitions":  {"", `{"device":[{"Name":"/dev/sdb","Capacity":4000787030016}]}`, `/dev/sdb "" true 0/4000787030016`},
		"array":          {"", `{"device":[{"Name":"/dev/md1","Raid":{"State":["Active","Degraded"]}}]}`, `/dev/md1 "Active, Degraded" false 0/0`},
		"none, other":    {"", `{"device":null}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := map[string]func(call) string{}
			if tc.first != "" {
				answers["storage.factory.instance"], answers["storage.getDeviceAllInfo"] = says(anObject), params(tc.first)
			}
			if tc.second != "" {
				answers["StorageDeviceManager.getDeviceInfos"] = params(tc.second)
			}
			p := &peer{rpc: answers, broken: true}
			s, b := opened(t, p, true)
			disks, err := s.Storage(t.Context())
			if got := shown(disks); err != nil || got != tc.want || disks == nil {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
			if _, signed := p.spent(); signed != 0 || b.spent != 1 {
				t.Errorf("it cost a login: %d, %+v", signed, b)
			}
		})
	}
}

func TestStorageByCGI(t *testing.T) {
	t.Parallel()
	const disk = "list.info[1].Name=/dev/sdb\r\nlist.info[1].State=Error\r\nlist.info[0].Name=/dev/sda\r\nlist.info[0].State=Success\r\nlist.info[0].Detail[0].Path=/mnt/a\r\nlist.info[0].Detail[0].IsError=false\r\nlist.info[0].Detail[0].TotalBytes=1495797858304.000000\r\nlist.info[0].Detail[0].UsedBytes=1495797858304.000000\r\n"
	for name, tc := range map[string]struct {
		body string
		code int
		want string
	}{
		"info":    {disk, 200, `/dev/sda "Success" true 1495797858304/1495797858304; /dev/sdb "Error" false 0/0`},
		"list":    {strings.ReplaceAll(disk, "list.info[", "list["), 200, `/dev/sda "Success" true 1495797858304/1495797858304; /dev/sdb "Error" false 0/0`},
		"none":    {"list.info=0\r\n", 200, ""},
		"nothing": {"", 200, "untold"},
		"OK":      {"OK\r\n", 200, "untold"},
		"page":    {"<html>", 200, "untold"},
		"other":   {"found=0\r\n", 200, "untold"},
		"bad":     {"Error\r\nBad Request!\r\n", 400, "untold"},
		"right":   {"Error\r\nAuthorization Failed!\r\n", 403, "untold"},
		"missing": {"", 404, "untold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &peer{noRPC: true, cgi: map[string]func(*http.Request) (int, string){"getDeviceAllInfo": func(*http.Request) (int, string) { return tc.code, tc.body }}}
			s, b := opened(t, p, false)
			disks, err := s.Storage(t.Context())
			if tc.want == "untold" {
				if !errors.Is(err, rekey.ErrUnsupported) || disks != nil || len(b.refused) > 0 {
					t.Errorf("%v, %+v: %v", disks, b, err)
				}
				return
			}
			if got := shown(disks); err != nil || got != tc.want || disks == nil || b.spent != 1 {
				t.Errorf("%s, want %s: %v", got, tc.want, err)
			}
		})
	}
}

// Firmware whose RPC2 lacks the methods is asked by CGI, which costs one login; a
// right that is missing there is missing by CGI too.
func TestStorageDoors(t *testing.T) {
	t.Parallel()
	byCGI := map[string]func(*http.Request) (int, string){"getDeviceAllInfo": body("list.info=0\r\n")}
	s, b := opened(t, &peer{cgi: byCGI}, true)
	if disks, err := s.Storage(t.Context()); err != nil || len(disks) != 0 || b.spent != 2 || b.given != 2 {
		t.Errorf("%v, %+v: %v", disks, b, err)
	}
	denied := map[string]func(call) string{"storage.factory.instance": says(lacksRight), "storage.getDeviceAllInfo": says(lacksRight), "StorageDeviceManager.getDeviceInfos": says(lacksRight)}
	s, b = opened(t, &peer{cgi: byCGI, rpc: denied}, true)
	if _, err := s.Storage(t.Context()); !errors.Is(err, rekey.ErrUnsupported) || b.spent != 1 {
		t.Errorf("%+v: %v", b, err)
	}
	torn := map[string]func(call) string{"storage.getDeviceAllInfo": says(`{"id":$ID,"result":tr`)}
	s, b = opened(t, &peer{cgi: byCGI, rpc: torn}, true)
	if _, err := s.Storage(t.Context()); !errors.Is(err, rekey.ErrUnreachable) || errors.Is(err, rekey.ErrUnsupported) || b.spent != 1 {
		t.Errorf("%+v: %v", b, err)
	}
}

// The object of the factory goes along; where the method is refused with it, it is
// called without.
func TestStorageObject(t *testing.T) {
	t.Parallel()
	var objects []string
	p := &peer{rpc: map[string]func(call) string{
		"storage.factory.instance": says(anObject),
		"storage.getDeviceAllInfo": func(c call) string {
			objects = append(objects, string(c.Object))
			if c.Object != nil {
				return `{"id":$ID,"result":false,"error":{"code":268894209,"message":"Invalid request"}}`
			}
			return `{"id":$ID,"result":true,"params":{"info":[{"Name":"a"}]}}`
		},
	}}
	s, _ := opened(t, p, true)
	if disks, err := s.Storage(t.Context()); err != nil || len(disks) != 1 || strings.Join(objects, ",") != "4660," {
		t.Errorf("%v, objects %q: %v", disks, objects, err)
	}
}

func FuzzDisks(f *testing.F) {
	f.Add("list.info[0].Name=/dev/md0\r\nlist.info[0].State=Success\r\nlist.info[0].Detail[0].TotalBytes=14.000000\r\nlist.info[0].Detail[0].UsedBytes=15\r\n")
	f.Add("list[3].Detail[0].IsError=true\r\nlist[3].Partitions[0].Total=9223372036854775807\r\nlist[3].Partitions[0].Remain=1e18\r\nlist[3].State=\x1b\r\n")
	f.Add("list.info=0\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLines([]byte(text))
		if err != nil {
			return
		}
		rows, told := diskRows(l)
		if len(rows) > mostDisks || (len(rows) > 0 && !told) {
			t.Errorf("%d rows, told %t", len(rows), told)
		}
		for i, row := range rows {
			if d := readDisk(row, i); d.Name == "" || d.Total < 0 || d.Used < 0 || strings.ContainsAny(d.Name+d.State, "\n\x1b") {
				t.Errorf("%+v", d)
			}
		}
	})
}

func TestCapturedStorage(t *testing.T) {
	t.Parallel()
	for name, text := range captures(t, "cgi/*_storage_*.txt") {
		l, err := parseLines(text)
		rows, told := diskRows(l)
		if err != nil || !told || len(rows) == 0 {
			t.Fatalf("%s: %d rows, %t: %v", name, len(rows), told, err)
		}
		if d := readDisk(rows[0], 0); !d.OK || d.Total < 1<<40 || d.Used != d.Total {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
