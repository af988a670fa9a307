package bench

import ("testing";"fmt";"sort";"os")

func BenchmarkOps(b *testing.B) {
	bin := os.Getenv("BIN")
	w := newWorkspace(b, bin)
	w.write(b, 1, 24)
	w.command(b, "apply", "apply", "-auto-approve")
	for _, c := range [][]string{{"plan","plan"},{"destroy","destroy","-auto-approve"}} {
		n := len(w.server.Requests(b))
		w.command(b, c[0], c[1:]...)
		m := map[string]int{}
		for _, r := range w.server.Requests(b)[n:] { m[r.Service+":"+r.Operation]++ }
		var ks []string
		for k := range m { ks = append(ks, k) }
		sort.Strings(ks)
		fmt.Println("==", c[0])
		for _, k := range ks { fmt.Println(m[k], k) }
	}
}
