using Ssb.Wire;

namespace Ssb.Conn.Net.Tests;

/// <summary>
/// What the code of ssb-lan 1.2.3 (with ssb-keys 8.5.0, caps of ssb-caps 1.1.0) wrote for these addresses of the identity whose
/// seed is 32 times 1. Its sockets were replaced by a recorder.
/// </summary>
internal static class Recorded
{
    public const string Key = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=";
    public const string Id = "@" + Key + ".ed25519";

    public const string OneRoute = "net:192.168.1.23:8008~shs:" + Key;
    public const string TwoRoutes = "net:192.168.1.23:8008~shs:" + Key + ";ws://192.168.1.23:8989~shs:" + Key;
    public const string Escapes = "unix:/tmp/a\"b\\c~noauth;net:10.0.0.5:8008~shs:" + Key;

    public const string OneRoutePacket =
        "a971d90f2b66fa1fc412fa1dc7854d20cf3135a37ef849e15892c7d88e47f673afe1b1738e4fb7fa92489376dbaf7a5f956726468164ce9c2f7111a812427454ea5e7ccb42c773e54cc784675375c818a0f5f3e20de9c452a796c60d19971f938bfd17858b0a0b9ff312fb407137ac2235474582c634fb63611137c23bff65b2bf875e8c5265f58785bd5401296d128ac315b1d160885255378dee6d00d25b96f4a3fb07";

    public const string TwoRoutesPacket =
        "767f2457d4737b6f954795b792622dd9cf3135a37ef849e15892c7d88e47f673afe1b1738e4fb7fa92489376dbaf7a5f956726468164ce9c2f7111a812427454ea5e7ccb42c773e54cc784675375c818a0f5f3e20de9c452a796c60d19971f938bfd0e8f2f65a74869b8f4f115fd6558bf38c01de4c6d986521779531546c98cc12c4bbae1738b17e728930acd6d8554db72187087218719eec9ac0a133fb08f78df21e9d643c769d4f3c25315360cb79d823d9f3b8bbe9ddd5993376d266805c3696913461b1929c75e44dc2c7394214a710c0a4763e282eccd5e84afff43fda36fc543fa36926be3a25402";

    public const string EscapesPacket =
        "0712deb737731abc0651a2c34574a4b0cf3135a37ef849e15892c7d8954ceb31a4f7f730cf56ee888104fd1982e92400cc6c2146c930c2877f2a12de73267c20875d118f018b5dda54d0dd7d4c71e149c0c0d5981ed3c53480acf33f04b719c18fb05bbb3e67ec0b1ac8a4e717981437ec47a24cef89dd9c16b7451de10d89078cbd0ef620968e5e9fc00756ccf67f32e0eeb2b09b7b185d3e71e690891e141f60a7c05ce1c2e06d5aff84dca36bfa8407e5e6eafe37bf610e";

    public static FeedId FeedId => FeedId.Parse(Id);

    public static KeyPair NewKeys(byte seed = 1) => KeyPair.FromSeed([.. Enumerable.Repeat(seed, 32)]);

    public static MultiserverAddress AddressOf(KeyPair keys, string host = "192.168.1.23", int port = 8008) =>
        MultiserverAddress.Parse($"net:{host}:{port}~shs:{keys.Id.ToBase64()}");
}
