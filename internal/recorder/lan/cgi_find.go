package lan

import (
	"fmt"
	"strconv"

	"rekey/internal/recorder/clips"
)

// owner owns finder objects and log searches of CGI: the account, since CGI has
// no sessions. What ends sessions ends them, too.
func (c *cgiCall) owner() string { return fmt.Sprintf("cgi:%d:%s", c.box.Epoch(c.account), c.account) }

func (c *cgiCall) object() int {
	id, err := strconv.Atoi(c.q["object"])
	if err != nil {
		return 0
	}
	return id
}

func cgiFindCreate(c *cgiCall) error {
	id, ok := c.finders.create(c.owner())
	if !ok {
		return errBusy
	}
	c.line("result", id)
	return nil
}

// cgiFindFile answers 400 also when nothing was found, as the family does.
func cgiFindFile(c *cgiCall) error {
	cond, err := cgiCondition(c.q)
	if err != nil {
		return err
	}
	n, ok, err := c.find(c.owner(), c.object(), cond)
	if err != nil {
		return err
	}
	if !ok || n == 0 {
		return errBadRequest
	}
	c.ok()
	return nil
}

func cgiFindNext(c *cgiCall) error {
	count, err := strconv.Atoi(c.q["count"])
	if err != nil || count < 1 || count > maxPage {
		return errBadRequest
	}
	var page []clips.Clip
	begun := false
	if ok := c.finders.with(c.owner(), c.object(), func(f *finder) { page, begun = c.next(f, count), f.begun }); !ok || !begun {
		return errBadRequest
	}
	c.line("found", len(page))
	for i, clip := range page {
		c.recording(fmt.Sprintf("items[%d].", i), wireForm(clip))
	}
	return nil
}

func (c *cgiCall) recording(at string, r recording) {
	c.line(at+"Channel", r.Channel)
	c.line(at+"Cluster", r.Cluster)
	c.line(at+"CutLength", r.CutLength)
	c.line(at+"Disk", r.Disk)
	c.line(at+"Duration", r.Duration)
	c.line(at+"EndTime", r.EndTime)
	c.line(at+"FilePath", r.FilePath)
	for i, flag := range r.Flags {
		c.line(fmt.Sprintf("%sFlags[%d]", at, i), flag)
	}
	c.line(at+"Length", r.Length)
	c.line(at+"Partition", r.Partition)
	c.line(at+"StartTime", r.StartTime)
	c.line(at+"Type", r.Type)
	c.line(at+"VideoStream", r.VideoStream)
	c.line(at+"WorkDir", r.WorkDir)
	c.line(at+"WorkDirSN", r.WorkDirSN)
}

func cgiFindClose(c *cgiCall) error {
	if !c.finders.with(c.owner(), c.object(), func(f *finder) { f.found, f.begun = nil, false }) {
		return errBadRequest
	}
	c.ok()
	return nil
}

func cgiFindDestroy(c *cgiCall) error {
	if !c.finders.destroy(c.owner(), c.object()) {
		return errBadRequest
	}
	c.ok()
	return nil
}
