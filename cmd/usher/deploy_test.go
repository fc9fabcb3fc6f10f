package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// tree is a mapping of a YAML file.
type tree map[string]any

// at follows keys, and numbers of lists, to a value; nil if there is none.
func (d tree) at(path ...any) any {
	var value any = map[string]any(d)
	for _, step := range path {
		switch key := step.(type) {
		case string:
			next, ok := value.(map[string]any)
			if !ok {
				return nil
			}
			value = next[key]
		case int:
			list, ok := value.([]any)
			if !ok || len(list) <= key {
				return nil
			}
			value = list[key]
		}
	}
	return value
}

func deployed(t *testing.T, path ...string) tree {
	t.Helper()
	var d tree
	if err := yaml.Unmarshal([]byte(read(t, append([]string{"deploy"}, path...)...)), &d); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return d
}

// manifests are those that the kustomization lists, by kind.
func manifests(t *testing.T) map[string]tree {
	t.Helper()
	all := map[string]tree{}
	listed := []string{"kustomization.yaml", "secret.example.yaml"}
	for _, name := range deployed(t, "kubernetes", "kustomization.yaml")["resources"].([]any) {
		d := deployed(t, "kubernetes", name.(string))
		all[d["kind"].(string)] = d
		listed = append(listed, name.(string))
	}
	there, err := filepath.Glob(filepath.Join(root, "deploy", "kubernetes", "*"))
	if err != nil || len(there) != len(listed) {
		t.Errorf("deploy/kubernetes holds %q, and %q are listed (%v)", there, listed, err)
	}
	all["Secret"] = deployed(t, "kubernetes", "secret.example.yaml")
	return all
}

// secretFiles are the files in /run/secrets that a configuration names.
func secretFiles(configuration string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`file:/run/secrets/([a-z_]+)`).FindAllStringSubmatch(configuration, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// checked runs usher config check on a configuration, with secrets of its own.
func checked(t *testing.T, configuration string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range secretFiles(configuration) {
		value := "sk_test_0123456789"
		if name == "ledger_url" {
			value = "postgres://usher:secret@postgres:5432/usher?sslmode=disable"
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "usher.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(configuration, "/run/secrets", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), usher(t), "config", "check", file).CombinedOutput(); err != nil {
		t.Errorf("usher config check: %v\n%s", err, out)
	}
}

// accepted checks a command line of usher's against its grammar.
func accepted(t *testing.T, words any) {
	t.Helper()
	var args []string
	list, _ := words.([]any)
	for _, w := range list {
		args = append(args, w.(string))
	}
	parser, err := newParser(t.Context(), &shell{}, new(bool))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil || len(args) == 0 {
		t.Errorf("usher %q: %v", args, err)
	}
}

// The files for Compose: a configuration that usher takes, commands that it has,
// and nothing named that is not there.
func TestCompose(t *testing.T) {
	t.Parallel()
	configuration := read(t, "deploy", "usher.yaml")
	checked(t, configuration)
	compose, proxy := deployed(t, "compose.yaml"), read(t, "deploy", "Caddyfile")
	gateways := 0
	for name, s := range compose["services"].(map[string]any) {
		service := tree(s.(map[string]any))
		resolves(t, compose, name, service)
		switch {
		case name == "ledger-up":
			runsUsher(t, name, service, configuration)
		case strings.HasPrefix(name, "usher-"):
			gateways++
			runsUsher(t, name, service, configuration)
			if service.at("depends_on", "ledger-up", "condition") != "service_completed_successfully" {
				t.Errorf("%s does not wait for the schema", name)
			}
			if !strings.Contains(proxy, name+":8080") {
				t.Errorf("the proxy does not know %s", name)
			}
		}
	}
	if gateways != 2 {
		t.Errorf("%d gateways", gateways)
	}
	subnet, _ := compose.at("networks", "front", "ipam", "config", 0, "subnet").(string)
	if subnet == "" || !strings.Contains(configuration, "trusted_proxies: ["+subnet+"]") {
		t.Errorf("the configuration does not trust the proxy in %s", subnet)
	}
	for _, ignored := range []string{".gitignore", ".dockerignore"} {
		if !regexp.MustCompile(`(?m)^/?deploy(/secrets/)?$`).MatchString(read(t, ignored)) {
			t.Errorf("%s does not leave the secrets out", ignored)
		}
	}
}

// resolves holds what a service names to what there is.
func resolves(t *testing.T, compose tree, name string, service tree) {
	t.Helper()
	for _, kind := range []string{"secrets", "networks"} {
		used, _ := service[kind].([]any)
		for _, u := range used {
			if compose.at(kind, u) == nil {
				t.Errorf("%s uses %s of the %s, which is not there", name, u, kind)
			}
		}
	}
	on, _ := service["depends_on"].(map[string]any)
	for other := range on {
		if compose.at("services", other) == nil {
			t.Errorf("%s depends on %s, which is not there", name, other)
		}
	}
}

// runsUsher looks at a service that has a configuration.
func runsUsher(t *testing.T, name string, service tree, configuration string) {
	t.Helper()
	accepted(t, service["command"])
	command, _ := service["command"].([]any)
	if !slices.Contains(command, service.at("configs", 0, "target")) {
		t.Errorf("%s: the configuration is not where the command looks", name)
	}
	secrets, _ := service["secrets"].([]any)
	for _, file := range secretFiles(configuration) {
		if !slices.Contains(secrets, any(file)) {
			t.Errorf("%s does not have the secret %s, which the configuration names", name, file)
		}
	}
}

// The manifests for Kubernetes fit together.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	configuration, _ := all["ConfigMap"].at("data", "usher.yaml").(string)
	checked(t, configuration)
	for _, file := range secretFiles(configuration) {
		if all["Secret"].at("stringData", file) == nil {
			t.Errorf("the example of the Secret has no %s", file)
		}
	}
	for _, kind := range []string{"Deployment", "Job"} {
		pod := tree(all[kind].at("spec", "template", "spec").(map[string]any))
		accepted(t, pod.at("containers", 0, "args"))
		if pod.at("securityContext", "runAsNonRoot") != true || pod.at("containers", 0, "securityContext", "readOnlyRootFilesystem") != true {
			t.Errorf("%s: the pod may do more than it needs", kind)
		}
		if pod.at("volumes", 0, "configMap", "name") != all["ConfigMap"].at("metadata", "name") ||
			pod.at("volumes", 1, "secret", "secretName") != all["Secret"].at("metadata", "name") {
			t.Errorf("%s: its volumes are %v", kind, pod["volumes"])
		}
		if pod.at("containers", 0, "volumeMounts", 1, "mountPath") != "/run/secrets" {
			t.Errorf("%s: the secrets are not where the configuration looks", kind)
		}
		if all[kind].at("spec", "template", "metadata", "labels", "usher.example.com/ledger") != all["NetworkPolicy"].at("spec", "podSelector", "matchLabels", "usher.example.com/ledger") {
			t.Errorf("%s: the network policy does not see the pod", kind)
		}
	}
}

// What selects pods by their labels finds those that it is for; the probes ask
// what is served, and nothing for operators is served outside.
func TestKubernetesNames(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	const name = "app.kubernetes.io/name"
	label := all["Deployment"].at("spec", "template", "metadata", "labels", name)
	for what, selector := range map[string]any{
		"Deployment": all["Deployment"].at("spec", "selector", "matchLabels", name), "Service": all["Service"].at("spec", "selector", name),
		"PodDisruptionBudget": all["PodDisruptionBudget"].at("spec", "selector", "matchLabels", name),
	} {
		if selector != label {
			t.Errorf("%s selects %v, and the pods are %v", what, selector, label)
		}
	}
	if job := all["Job"].at("spec", "template", "metadata", "labels", name); job == label {
		t.Error("the Service would send requests to the job")
	}
	container := tree(all["Deployment"].at("spec", "template", "spec", "containers", 0).(map[string]any))
	for probe, path := range map[string]string{"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"} {
		if container.at(probe, "httpGet", "path") != path || container.at(probe, "httpGet", "port") != container.at("ports", 0, "name") {
			t.Errorf("%s: %v", probe, container[probe])
		}
	}
	paths := all["Ingress"].at("spec", "rules", 0, "http", "paths").([]any)
	for _, p := range paths {
		if path := tree(p.(map[string]any)).at("path"); path == "/" || path == "/metrics" || path == "/readyz" {
			t.Errorf("%v is served outside", path)
		}
	}
}
