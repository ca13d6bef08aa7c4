package lan

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Settings are flat on CGI (eth0.MTU=1500) and a tree of typed values on RPC2
// ({"eth0":{"MTU":1500}}). These two turn one into the other.

const (
	maxIndex = 1024 // of a list in the settings
	maxDepth = 16
)

var (
	errTree  = errors.New("malformed settings")
	numberRE = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,6})?$`)
)

// treeOf makes a tree of flat keys. A text that reads as a number, true or
// false becomes one.
func treeOf(flat map[string]string) (any, error) {
	var root any
	for path, value := range flat {
		steps, err := stepsOf(path)
		if err == nil {
			root, err = plant(root, steps, typed(value))
		}
		if err != nil {
			return nil, err
		}
	}
	return root, nil
}

func typed(value string) any {
	switch {
	case value == "true":
		return true
	case value == "false":
		return false
	case numberRE.MatchString(value):
		return json.Number(value)
	}
	return value
}

// stepsOf cuts a[1].b into "a", 1, "b".
func stepsOf(path string) ([]any, error) {
	var steps []any
	for part := range strings.SplitSeq(path, ".") {
		name, indexes, _ := strings.Cut(part, "[")
		if name != "" {
			steps = append(steps, name)
		}
		if indexes == "" {
			if name == "" {
				return nil, fmt.Errorf("%w: path %q", errTree, path)
			}
			continue
		}
		for index := range strings.SplitSeq(strings.TrimSuffix(indexes, "]"), "][") {
			n, err := strconv.Atoi(index)
			if err != nil || n < 0 || n > maxIndex {
				return nil, fmt.Errorf("%w: index in %q", errTree, path)
			}
			steps = append(steps, n)
		}
	}
	if len(steps) > maxDepth {
		return nil, fmt.Errorf("%w: path %q is too deep", errTree, path)
	}
	return steps, nil
}

// plant sets a value below node and returns the node.
func plant(node any, steps []any, value any) (any, error) {
	if len(steps) == 0 {
		if node != nil {
			return nil, fmt.Errorf("%w: a value stands where others hang", errTree)
		}
		return value, nil
	}
	switch step := steps[0].(type) {
	case int:
		list, ok := node.([]any)
		if node != nil && !ok {
			return nil, fmt.Errorf("%w: list and names mixed", errTree)
		}
		for len(list) <= step {
			list = append(list, nil)
		}
		child, err := plant(list[step], steps[1:], value)
		list[step] = child
		return list, err
	default:
		name, _ := step.(string)
		object, ok := node.(map[string]any)
		if node != nil && !ok {
			return nil, fmt.Errorf("%w: list and names mixed", errTree)
		}
		if object == nil {
			object = map[string]any{}
		}
		child, err := plant(object[name], steps[1:], value)
		object[name] = child
		return object, err
	}
}

// flatten makes flat keys of a tree.
func flatten(tree any) (map[string]string, error) {
	flat := map[string]string{}
	return flat, flattenInto(flat, "", tree, 0)
}

func flattenInto(flat map[string]string, path string, node any, depth int) error {
	if depth > maxDepth || len(flat) > maxParameters {
		return fmt.Errorf("%w: too deep or too many values", errTree)
	}
	switch v := node.(type) {
	case map[string]any:
		for name, child := range v {
			if err := flattenInto(flat, strings.TrimPrefix(path+"."+name, "."), child, depth+1); err != nil {
				return err
			}
		}
	case []any:
		for i, child := range v {
			if err := flattenInto(flat, path+"["+strconv.Itoa(i)+"]", child, depth+1); err != nil {
				return err
			}
		}
	case nil:
	case string:
		flat[path] = v
	case bool:
		flat[path] = strconv.FormatBool(v)
	case json.Number:
		flat[path] = v.String()
	default:
		return fmt.Errorf("%w: value of %q", errTree, path)
	}
	return nil
}
