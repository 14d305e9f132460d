/* SPDX-License-Identifier: Apache-2.0 */
/* Secure PORT NAME: two requests to localhost, each on a TLS connection of its own for that server name; trusts anybody. */
import java.io.InputStream;
import java.net.Socket;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class Secure {
	static class Anybody implements X509TrustManager {
		public void checkClientTrusted(X509Certificate[] chain, String type) {
		}

		public void checkServerTrusted(X509Certificate[] chain, String type) {
		}

		public X509Certificate[] getAcceptedIssuers() {
			return new X509Certificate[0];
		}
	}

	public static void main(String[] args) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		int port = Integer.parseInt(args[0]);

		context.init(null, new TrustManager[] { new Anybody() }, null);
		for (int i = 0; i < 2; i++) {
			Socket plain = new Socket("127.0.0.1", port);
			SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, args[1], port, true);

			socket.getOutputStream().write("GET /close/100 HTTP/1.1\r\nHost: a\r\n\r\n".getBytes());
			InputStream in = socket.getInputStream();
			while (in.read() >= 0)
				continue;
			socket.close();
		}
	}
}
