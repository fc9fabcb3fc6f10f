package sandbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteEnvFile(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"PLAIN":   "http://127.0.0.1:8080/a?b",
		"TOKEN":   "eyJ.x-y_z=",
		"EMPTY":   "",
		"BLANKS":  " two words ",
		"QUOTE":   `it's "quoted" \ back`,
		"SHELL":   "$(touch evil) `touch evil` ${HOME} $HOME; touch evil & | > evil",
		"LINES":   "first\nsecond\n\nlast",
		"STAR":    "* ~ #!",
		"UNICODE": "ü 招待 🎉",
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "usher.env")
	var vars []EnvVar
	for name, value := range values {
		vars = append(vars, EnvVar{name, value})
	}
	if err := os.WriteFile(path, []byte("export OLD=1\n"), 0o644); err != nil { //nolint:gosec // an older file that anybody may read
		t.Fatal(err)
	}
	if err := WriteEnvFile(path, vars); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	for name, want := range values {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `. "$1"; printf '%s|' "$`+name+`"; sh -c 'printf %s "$`+name+`"'`, "sh", path)
		cmd.Dir = dir
		got, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v %s", name, err, got)
		}
		// Once in the shell itself, once in its child: the variable is exported.
		if string(got) != want+"|"+want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %v", entries)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "export TOKEN=eyJ.x-y_z=\n") {
		t.Errorf("plain values are quoted: %s", text)
	}
}

func TestWriteEnvFileFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "usher.env")
	if err := WriteEnvFile(path, []EnvVar{{"A", "1"}}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(folder, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		vars       []EnvVar
	}{
		{"a name with a command", path, []EnvVar{{"A;touch evil", "1"}}},
		{"an empty name", path, []EnvVar{{"", "1"}}},
		{"a name with a line break", path, []EnvVar{{"A\nB", "1"}}},
		{"a zero byte", path, []EnvVar{{"A", "1\x00"}}},
		{"no such folder", filepath.Join(dir, "none", "x"), []EnvVar{{"A", "1"}}},
		{"a folder is there", folder, []EnvVar{{"A", "2"}}},
	}
	for _, test := range tests {
		if err := WriteEnvFile(test.path, test.vars); err == nil {
			t.Errorf("%s: written", test.name)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "export A=1\n" {
		t.Errorf("the file is now %q, %v", text, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left over: %v %v", entries, err)
	}
}

func TestEnvIsTheCallers(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	s.Env()[0].Value = "changed"
	if s.Env()[0].Value == "changed" {
		t.Error("the world's own list was handed out")
	}
}
