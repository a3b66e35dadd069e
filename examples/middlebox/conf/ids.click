// SPDX-License-Identifier: BSD-2-Clause
// Intrusion detection on a wire: payloads that hold one of these strings are logged and dropped.
elementclass Inspect { input -> c :: Classifier(12/0800, -); c[0] -> CheckIPHeader(14)
        -> m :: StringMatcher("/etc/passwd", "cmd.exe", "<script>alert(", \<90 90 90 90 90 90 90 90>,
                              PAYLOAD true, NOCASE true, ANNO PAINT) -> output;
    m[1] -> IPPrint(intrusion, PAINT true) -> hits :: Counter -> Discard;
    c[1] -> output; }
FromDevice(eth0) -> in :: Inspect -> Queue(512) -> ToDevice(eth1);
FromDevice(eth1) -> out :: Inspect -> Queue(512) -> ToDevice(eth0);
