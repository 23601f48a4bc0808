// What Go's checksum database makes and checks (golang.org/x/mod/sumdb: signed notes of C2SP, trees of RFC 6962), for test/interop/c2sp.test.ts.
// Reads one JSON object a line and answers one a line.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type ask struct {
	Do                  string
	Vkey, Proof, Event  string   // include: a tlog-proof file
	Older, Newer        string   // extend: two signed checkpoints
	Hashes              []string // extend
	Origin              string   // make
	Events              []string // make
	Size, At            int64    // make: a smaller tree, an event
}

type answer struct {
	Error      string   `json:"error"`
	Vkey       string   `json:"vkey,omitempty"`
	Checkpoint string   `json:"checkpoint,omitempty"`
	Smaller    string   `json:"smaller,omitempty"`
	Proof      string   `json:"proof,omitempty"`
	Hashes     []string `json:"hashes"`
}

type tree struct {
	n    int64
	hash tlog.Hash
}

func open(signed, vkey string) (tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree{}, err
	}
	opened, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree{}, errors.New("no checkpoint of this log")
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tree{n, hash}, err
}

func hashesOf(texts []string) ([]tlog.Hash, error) {
	hashes := []tlog.Hash{}
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// https://c2sp.org/tlog-proof: header, index, hashes, blank line, checkpoint.
func include(a ask) error {
	head, checkpoint, ok := strings.Cut(a.Proof, "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil {
		return err
	}
	hashes, err := hashesOf(lines[2:])
	if err != nil {
		return err
	}
	t, err := open(checkpoint, a.Vkey)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(hashes, t.n, t.hash, index, tlog.RecordHash([]byte(a.Event)))
}

func extend(a ask) error {
	older, err := open(a.Older, a.Vkey)
	if err != nil {
		return err
	}
	newer, err := open(a.Newer, a.Vkey)
	if err != nil {
		return err
	}
	hashes, err := hashesOf(a.Hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes, newer.n, newer.hash, older.n, older.hash)
}

// A log of Go's own: its key, two checkpoints, one event's proof and the proof that the larger tree goes on from the smaller.
func make_(a ask) (answer, error) {
	stored := map[int64]tlog.Hash{}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		list := []tlog.Hash{}
		for _, index := range indexes {
			list = append(list, stored[index])
		}
		return list, nil
	})
	for i, event := range a.Events {
		hashes, err := tlog.StoredHashes(int64(i), []byte(event), reader)
		if err != nil {
			return answer{}, err
		}
		for j, hash := range hashes {
			stored[tlog.StoredHashIndex(0, int64(i))+int64(j)] = hash
		}
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, a.Origin)
	if err != nil {
		return answer{}, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return answer{}, err
	}
	sign := func(n int64) (string, error) {
		hash, err := tlog.TreeHash(n, reader)
		if err != nil {
			return "", err
		}
		signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", a.Origin, n, hash)}, signer)
		return string(signed), err
	}
	n := int64(len(a.Events))
	checkpoint, err := sign(n)
	if err != nil {
		return answer{}, err
	}
	smaller, err := sign(a.Size)
	if err != nil {
		return answer{}, err
	}
	record, err := tlog.ProveRecord(n, a.At, reader)
	if err != nil {
		return answer{}, err
	}
	grown, err := tlog.ProveTree(n, a.Size, reader)
	if err != nil {
		return answer{}, err
	}
	proof := fmt.Sprintf("c2sp.org/tlog-proof@v1\nindex %d\n", a.At)
	for _, hash := range record {
		proof += hash.String() + "\n"
	}
	hashes := []string{}
	for _, hash := range grown {
		hashes = append(hashes, base64.StdEncoding.EncodeToString(hash[:]))
	}
	return answer{Vkey: vkey, Checkpoint: checkpoint, Smaller: smaller, Proof: proof + "\n" + checkpoint, Hashes: hashes}, nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var a ask
		var made answer
		err := json.Unmarshal(lines.Bytes(), &a)
		if err == nil {
			switch a.Do {
			case "include":
				err = include(a)
			case "extend":
				err = extend(a)
			case "make":
				made, err = make_(a)
			default:
				err = errors.New("include, extend or make")
			}
		}
		if err != nil {
			made.Error = err.Error()
		}
		if out.Encode(made) != nil {
			os.Exit(1)
		}
	}
}
