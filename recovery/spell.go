package recovery

// Spell gives one word per symbol of a code (the NATO alphabet), for reading
// out over the telephone. Separators, and characters that no code has, are
// left out.
func Spell(code string) []string {
	words := [len(alphabet)]string{
		"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine",
		"Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel",
		"Juliett", "Kilo", "Mike", "November", "Papa", "Quebec", "Romeo", "Sierra",
		"Tango", "Victor", "Whiskey", "X-ray", "Yankee", "Zulu",
	}
	var out []string
	for _, v := range symbolsTyped(code) {
		if v != badSymbol {
			out = append(out, words[v])
		}
	}
	return out
}
