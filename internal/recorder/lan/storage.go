package lan

import (
	"encoding/json"
	"fmt"
)

// The one disk that is in the recorder. How much of it is used, is what the
// footage takes.
const (
	diskName  = "/dev/sda"
	diskMount = "/mnt/dvr"
	diskBytes = 2000398934016
)

// disk is one disk as both interfaces tell it.
type disk struct {
	Name           string
	State          string
	HealthDataFlag int
	Detail         []partition
}

type partition struct {
	Path       string
	Type       string
	IsError    bool
	TotalBytes json.Number
	UsedBytes  json.Number
}

// disks are those in the recorder. Assumed: the word for the state of a broken
// one; only Success is told.
func (l *lan) disks() []disk {
	if l.trouble.is(NoDisk) {
		return nil
	}
	state, broken := "Success", l.trouble.is(DiskError)
	if broken {
		state = "Error"
	}
	return []disk{{Name: diskName, State: state, Detail: []partition{{
		Path: diskMount, Type: "ReadWrite", IsError: broken,
		TotalBytes: bytesOf(diskBytes), UsedBytes: bytesOf(l.footage.Used()),
	}}}}
}

// bytesOf prints a number of bytes as the family does.
func bytesOf(n int64) json.Number { return json.Number(fmt.Sprintf("%d.000000", n)) }

func cgiStorage(c *cgiCall) error {
	list := "list.info"
	if c.traits.CGI.BareDisks {
		list = "list"
	}
	all := c.disks()
	if len(all) == 0 {
		c.line(list, 0)
	}
	for i, d := range all {
		at := fmt.Sprintf("%s[%d].", list, i)
		c.line(at+"Name", d.Name)
		c.line(at+"State", d.State)
		c.line(at+"HealthDataFlag", d.HealthDataFlag)
		for j, p := range d.Detail {
			c.partition(fmt.Sprintf("%sDetail[%d].", at, j), p)
		}
	}
	return nil
}

func (c *cgiCall) partition(at string, p partition) {
	c.line(at+"Path", p.Path)
	c.line(at+"Type", p.Type)
	c.line(at+"IsError", p.IsError)
	c.line(at+"TotalBytes", p.TotalBytes)
	c.line(at+"UsedBytes", p.UsedBytes)
}

func (l *lan) diskNames() []string {
	names := []string{}
	for _, d := range l.disks() {
		names = append(names, d.Name)
	}
	return names
}

func cgiStorageNames(c *cgiCall) error {
	for i, name := range c.diskNames() {
		c.line(fmt.Sprintf("list[%d]", i), name)
	}
	return nil
}

func rpcStorageNames(c *rpcCall) (any, any, error) {
	return true, map[string][]string{"list": c.diskNames()}, nil
}

// The objects of the factories that have one object for everybody.
const (
	storageObject  = 1001
	upgraderObject = 1002
)

func rpcStorageInstance(*rpcCall) (any, any, error) { return storageObject, nil, nil }

// rpcStorage tells of the disks, on the object of the factory. That it wants the
// object is told; assumed: its fields, which are those of CGI.
func rpcStorage(c *rpcCall) (any, any, error) {
	if c.req.Object != storageObject {
		return nil, nil, errNoObject
	}
	return true, map[string][]disk{"info": c.disks()}, nil
}
