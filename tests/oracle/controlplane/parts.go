package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	certutil "k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// settings are what the caller of `up` chose.
type settings struct{ dir, minor, gates, apis, admission string }

// files are what the parts find one another by.
type files struct {
	etcd, host                    string
	certificate, key, accountKey  string
	tokens                        string
	admin, scheduler, controllers string
	schedulerConfig               string
	adminToken                    string
	authority                     []byte
}

// prepare writes certificates, tokens and kubeconfigs, and chooses the ports.
func prepare(s settings) (*files, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(s.dir, name) }
	f := &files{
		etcd: "127.0.0.1:" + ports[0], host: "https://127.0.0.1:" + ports[1],
		certificate: in("apiserver.crt"), key: in("apiserver.key"), accountKey: in("accounts.key"),
		tokens: in("tokens.csv"), schedulerConfig: in("scheduler.yaml"),
		admin: in("kubeconfig"), scheduler: in("scheduler.kubeconfig"), controllers: in("controllers.kubeconfig"),
		adminToken: rand.Text(),
	}
	certificate, key, err := certutil.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"})
	if err != nil {
		return nil, err
	}
	f.authority = certificate
	accountKey, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return nil, err
	}
	schedulerToken, controllersToken := rand.Text(), rand.Text()
	for path, content := range map[string][]byte{
		f.certificate: certificate,
		f.key:         key,
		f.accountKey:  accountKey,
		f.tokens: fmt.Appendf(nil, "%s,admin,admin,system:masters\n%s,system:kube-scheduler,scheduler\n%s,system:kube-controller-manager,controllers\n",
			f.adminToken, schedulerToken, controllersToken),
		f.schedulerConfig: fmt.Appendf(nil, schedulerConfig, f.scheduler),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	for path, token := range map[string]string{f.admin: f.adminToken, f.scheduler: schedulerToken, f.controllers: controllersToken} {
		if err := f.writeKubeconfig(path, token); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// The longest pause before a pod is tried again is ten seconds in a cluster; tests wait for that.
const schedulerConfig = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: %q, qps: 1000, burst: 2000}
leaderElection: {leaderElect: false}
podInitialBackoffSeconds: 1
podMaxBackoffSeconds: 1
`

func (f *files) arguments(s settings, part string) []string {
	controllers := filepath.Join(s.dir, "controllers.kubeconfig")
	switch part {
	case "etcd":
		return []string{filepath.Join(s.dir, "etcd"), f.etcd}
	case "apiserver":
		return f.shared(s,
			"--etcd-servers=http://"+f.etcd,
			"--bind-address=127.0.0.1", "--secure-port="+f.host[strings.LastIndex(f.host, ":")+1:],
			// Nothing but this machine reaches the server; an address is asked for all the same,
			// and finding one out fails on a machine without a network.
			"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none",
			"--tls-cert-file="+f.certificate, "--tls-private-key-file="+f.key,
			"--token-auth-file="+f.tokens, "--authorization-mode=RBAC",
			"--service-account-issuer=https://kubernetes.default.svc",
			"--service-account-key-file="+f.accountKey, "--service-account-signing-key-file="+f.accountKey,
			"--service-cluster-ip-range=10.0.0.0/16", "--allow-privileged=true",
			"--runtime-config="+s.apis, "--enable-admission-plugins="+s.admission)
	case "scheduler":
		return f.shared(s, "--config="+f.schedulerConfig, "--bind-address=127.0.0.1", "--secure-port=0")
	case "controller-manager":
		return f.shared(s,
			"--kubeconfig="+controllers, "--bind-address=127.0.0.1", "--secure-port=0", "--leader-elect=false",
			"--use-service-account-credentials=true", "--service-account-private-key-file="+f.accountKey,
			"--root-ca-file="+f.certificate, "--kube-api-qps=1000", "--kube-api-burst=2000",
			"--concurrent-namespace-syncs=20")
	}
	panic("no part is called " + part)
}

func (f *files) shared(s settings, flags ...string) []string {
	return append(flags, "--emulated-version="+s.minor, "--feature-gates="+s.gates)
}

func (f *files) client() *rest.Config {
	return &rest.Config{
		Host: f.host, BearerToken: f.adminToken, QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAData: f.authority},
	}
}

func (f *files) writeKubeconfig(path, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["oracle"] = &clientcmdapi.Cluster{Server: f.host, CertificateAuthorityData: f.authority}
	config.AuthInfos["oracle"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["oracle"] = &clientcmdapi.Context{Cluster: "oracle", AuthInfo: "oracle"}
	config.CurrentContext = "oracle"
	return clientcmd.WriteToFile(*config, path)
}

// run starts a part of this same program, with its output in <dir>/<part>.log.
func (p *plane) run(dir, part string, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, part+".log")
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(self, append([]string{part}, args...)...)
	command.Stdout, command.Stderr = log, log
	alive, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	p.parts = append(p.parts, &process{alive, ended})
	go func() {
		defer close(ended)
		err := command.Wait()
		p.died <- fmt.Errorf("%s ended (%v)\n%s", part, err, tail(path))
	}()
	return nil
}

// process is a running part; closing it ends it and waits for that.
type process struct {
	alive io.Closer
	ended <-chan struct{}
}

func (p *process) Close() error {
	err := p.alive.Close()
	<-p.ended
	return err
}

// tail is the end of a log, which says why a part ended.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// freePorts asks for all of them before it gives one back, so they differ.
func freePorts(count int) ([]string, error) {
	var ports []string
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}
