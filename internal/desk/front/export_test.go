package front

import (
	"maps"
	"slices"
)

// AgentPatterns are the routes of an agent's pages.
func AgentPatterns() []string {
	return slices.Sorted(maps.Keys((&front{}).agentRoutes()))
}

// ReadQR is readQR.
var ReadQR = readQR

// Spelling is spelling.
var Spelling = spelling
