// One handshake over the standard streams, as the suite shs1-test 1.1.1 wants it; all arguments are hex.
//   Interop.ShsPeer NETWORK SECRETKEY PUBLICKEY   as a server
//   Interop.ShsPeer NETWORK SERVERPUBLICKEY       as a client
// After the last message it writes 112 bytes: the key and nonce that it seals with, those that it opens with. When the other side is
// faulty it writes nothing more and exits with 1. If the variable SHS_PEER_RUNS names a folder, a file there tells how the run ended:
// its name is ROLE.ENDING.RANDOM, and ending is "done" or a HandshakeFailure.
using System.Runtime.CompilerServices;
using Interop.ShsPeer;
using Ssb;
using Ssb.Wire;

NetworkKey network = NetworkKey.FromBytes(Convert.FromHexString(args[0]));
var options = new HandshakeOptions { Network = network, Deadline = Timeout.InfiniteTimeSpan };
await using var stream = new StandardStreams();
string role = args.Length == 3 ? "server" : "client";
try
{
    await using BoxStream box = role == "server"
        ? await SecretHandshake.AcceptAsync(stream, Keys(args[1], args[2]), (_, _) => new ValueTask<bool>(true), options)
        : await SecretHandshake.ConnectAsync(stream, KeyPair.Generate(), new FeedId(Convert.FromHexString(args[1])), options);
    Tell("done"); // before the outcome: the suite kills who has given it
    BoxStreamKeys keys = KeysOf(box);
    await stream.WriteAsync((byte[])[.. keys.SealKey, .. keys.SealNonce, .. keys.OpenKey, .. keys.OpenNonce]);
    await stream.FlushAsync();
    return 0;
}
catch (HandshakeException e)
{
    Tell(e.Failure.ToString());
    return 1;
}

void Tell(string ending)
{
    if (Environment.GetEnvironmentVariable("SHS_PEER_RUNS") is { } folder)
        File.WriteAllText(Path.Combine(folder, $"{role}.{ending}.{Guid.NewGuid():N}"), "");
}

// The seed is the first half of a secret key.
static KeyPair Keys(string secretKey, string publicKey)
{
    KeyPair keys = KeyPair.FromSeed(Convert.FromHexString(secretKey).AsSpan(0, KeyPair.SeedSize));
    return keys.Id == new FeedId(Convert.FromHexString(publicKey)) ? keys : throw new ArgumentException("The secret key is not that of the public key.");
}

// A box stream keeps its keys to itself, and no program but this one wants to see them.
[UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_keys")]
static extern ref BoxStreamKeys KeysOf(BoxStream box);
