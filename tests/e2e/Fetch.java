// Java's two HTTP clients as tests/e2e/fetchers.py drives them: java Fetch.java CA KIND PROXY FILE URL...
//
// KIND is "client" (java.net.http.HttpClient, which prefers HTTP/2), "old" (HttpURLConnection over an HTTP proxy) or
// "socks" (HttpURLConnection over SOCKS). PROXY is HOST:PORT, with USER:PASSWORD@ where a login is wanted. Every URL
// is downloaded, several times at once, and FILE is uploaded to URL/up; prints one line for each: what and its SHA-256.

import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Fetch {
    static final int AT_ONCE = 8;

    public static void main(String[] args) throws Exception {
        SSLContext tls = trusting(Path.of(args[0]));
        String place = args[2].substring(args[2].lastIndexOf('@') + 1);
        int colon = place.lastIndexOf(':');
        int port = Integer.parseInt(place.substring(colon + 1));
        InetSocketAddress proxy = new InetSocketAddress(place.substring(0, colon), port);
        Authenticator login = null;
        if (args[2].contains("@")) {
            String[] words = args[2].substring(0, args[2].lastIndexOf('@')).split(":", 2);
            login = new Authenticator() {
                @Override
                protected PasswordAuthentication getPasswordAuthentication() {
                    return new PasswordAuthentication(words[0], words[1].toCharArray());
                }
            };
        }
        for (int i = 4; i < args.length; i++) {
            if (args[1].equals("client")) {
                modern(tls, proxy, login, Path.of(args[3]), args[i]);
            } else {
                Authenticator.setDefault(login);
                Proxy.Type type = args[1].equals("socks") ? Proxy.Type.SOCKS : Proxy.Type.HTTP;
                old(tls, new Proxy(type, proxy), Path.of(args[3]), args[i]);
            }
        }
        System.exit(0);
    }

    static void modern(SSLContext tls, InetSocketAddress proxy, Authenticator login, Path file, String url)
            throws Exception {
        HttpClient.Builder builder = HttpClient.newBuilder().proxy(ProxySelector.of(proxy)).sslContext(tls);
        HttpClient client = (login == null ? builder : builder.authenticator(login)).build();
        URI base = URI.create(url).resolve("/");
        if (login != null) { // so that not all of them ask without it first
            client.send(HttpRequest.newBuilder(base).build(), BodyHandlers.discarding());
        }
        List<CompletableFuture<HttpResponse<byte[]>>> running = new ArrayList<>();
        for (int i = 0; i < AT_ONCE; i++) {
            running.add(client.sendAsync(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofByteArray()));
        }
        for (CompletableFuture<HttpResponse<byte[]>> each : running) {
            HttpResponse<byte[]> response = each.get();
            System.out.println("GET " + response.statusCode() + " " + digest(response.body()));
        }
        HttpRequest up = HttpRequest.newBuilder(base.resolve("up"))
                .expectContinue(true).POST(BodyPublishers.ofInputStream(() -> opened(file))).build();
        HttpResponse<String> response = client.send(up, BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.body().strip());
    }

    static void old(SSLContext tls, Proxy proxy, Path file, String url) throws Exception {
        for (int i = 0; i < 2; i++) {
            HttpURLConnection got = open(tls, proxy, url);
            try (InputStream body = got.getInputStream()) {
                System.out.println("GET " + got.getResponseCode() + " " + digest(body.readAllBytes()));
            }
        }
        HttpURLConnection up = open(tls, proxy, URI.create(url).resolve("/up").toString());
        up.setRequestMethod("PUT");
        up.setDoOutput(true);
        up.setFixedLengthStreamingMode(Files.size(file));
        Files.copy(file, up.getOutputStream());
        up.getOutputStream().close();
        try (InputStream body = up.getInputStream()) {
            System.out.println(up.getResponseCode() + " " + new String(body.readAllBytes()).strip());
        }
    }

    static HttpURLConnection open(SSLContext tls, Proxy proxy, String url) throws Exception {
        HttpURLConnection made = (HttpURLConnection) URI.create(url).toURL().openConnection(proxy);
        if (made instanceof HttpsURLConnection) {
            ((HttpsURLConnection) made).setSSLSocketFactory(tls.getSocketFactory());
        }
        return made;
    }

    static InputStream opened(Path file) {
        try {
            return Files.newInputStream(file);
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }

    static SSLContext trusting(Path file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(file)) {
            store.setCertificateEntry("root", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        return context;
    }

    static String digest(byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    }
}
