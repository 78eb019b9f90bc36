// Checks checkpoints, exports and proofs of Sealdesk's log with Go's own packages for transparency logs (golang.org/x/mod/sumdb), which
// go.sum databases are checked with: somebody else's reading of C2SP signed-note and of RFC 9162.
//
//	checker KEY export FILE
//	checker KEY record PROOF RECORD
//	checker KEY continues PROOF OLD_CHECKPOINT
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println("no:", err)
		os.Exit(1)
	}
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	must(err)
	return data
}

func hash(text string) tlog.Hash {
	var h tlog.Hash
	data, err := base64.StdEncoding.DecodeString(text)
	must(err)
	if copy(h[:], data) != len(h) || len(data) != len(h) {
		must(fmt.Errorf("%q is no hash", text))
	}
	return h
}

func open(key string, msg []byte) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(key)
	must(err)
	n, err := note.Open(msg, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(n.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	return size, hash(lines[2])
}

type store []tlog.Hash

func (s store) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, s[i])
	}
	return out, nil
}

func export(key, name string) {
	var hashes store
	var records int64
	checkpoints := 0
	for i, line := range bytes.Split(bytes.TrimSuffix(read(name), []byte("\n")), []byte("\n")) {
		var checkpoint struct{ Checkpoint string }
		if i == 0 {
			continue
		}
		if bytes.HasPrefix(line, []byte(`{"checkpoint":`)) {
			must(json.Unmarshal(line, &checkpoint))
			size, root := open(key, []byte(checkpoint.Checkpoint))
			mine, err := tlog.TreeHash(records, hashes)
			must(err)
			if size != records || root != mine {
				must(fmt.Errorf("line %d: another tree", i+1))
			}
			checkpoints++
			continue
		}
		more, err := tlog.StoredHashes(records, line, hashes)
		must(err)
		hashes = append(hashes, more...)
		records++
	}
	fmt.Println("yes:", records, "records,", checkpoints, "checkpoints")
}

// The number in the first lines, the hashes, and the checkpoint behind the empty line.
func proof(key, name, first string) (int64, []tlog.Hash, int64, tlog.Hash) {
	parts := strings.SplitN(string(read(name)), "\n\n", 2)
	if len(parts) != 2 || !strings.HasPrefix(parts[0], first) {
		must(fmt.Errorf("no proof"))
	}
	lines := strings.Split(strings.TrimPrefix(parts[0], first), "\n")
	number, err := strconv.ParseInt(lines[0], 10, 64)
	must(err)
	var hashes []tlog.Hash
	for _, line := range lines[1:] {
		hashes = append(hashes, hash(line))
	}
	size, root := open(key, []byte(parts[1]))
	return number, hashes, size, root
}

func main() {
	key := os.Args[1]
	switch os.Args[2] {
	case "export":
		export(key, os.Args[3])
	case "record":
		n, p, size, root := proof(key, os.Args[3], "c2sp.org/tlog-proof@v1\nindex ")
		must(tlog.CheckRecord(p, size, root, n, tlog.RecordHash(bytes.TrimSuffix(read(os.Args[4]), []byte("\n")))))
		fmt.Println("yes")
	case "continues":
		old, p, size, root := proof(key, os.Args[3], "old ")
		oldSize, oldRoot := open(key, read(os.Args[4]))
		if old != oldSize {
			must(fmt.Errorf("a proof from %d on", old))
		}
		must(tlog.CheckTree(p, size, root, oldSize, oldRoot))
		fmt.Println("yes")
	}
}
