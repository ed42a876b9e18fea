using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;
using Ssb.Wire.Sodium;

namespace Interop.Tests.Wire;

/// <summary>The 159 vectors of npm test-secret-handshake 1.0.2, each on the steps of <see cref="HandshakeState"/>.</summary>
/// <remarks>A vector is a call of a function of secret-handshake's <c>crypto.js</c>, recorded after it: the arguments show what the
/// call left in them. So only what a function reads is taken from them, and all that it made is compared.</remarks>
public class HandshakeVectorTests
{
    [Fact]
    public async Task Vectors_All159_GiveTheResultOfTheJavaScript()
    {
        string path = Path.Combine(await NodeModules.GetAsync(), "test-secret-handshake", "data.json");
        JsonElement[] vectors = [.. JsonElement.Parse(await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken)).EnumerateArray()];
        var used = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (int i = 0; i < vectors.Length; i++)
        {
            string name = vectors[i].GetProperty("name").GetString()!; // every vector has a name
            try
            {
                Check(name, vectors[i].GetProperty("args"), vectors[i].GetProperty("result"), vectors);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Vector {i}, {name}.", e);
            }

            used[name] = used.GetValueOrDefault(name) + 1;
        }

        Assert.Equal(
            "clean 12, clientCreateAuth 12, clientVerifyAccept 6, clientVerifyChallenge 14, createChallenge 31, initialize 34, "
            + "serverCreateAccept 6, serverVerifyAuth 12, toKeys 2, verifyChallenge 30",
            string.Join(", ", used.Select(pair => $"{pair.Key} {pair.Value}")));
        Assert.Equal(159, used.Values.Sum());
    }

    private static void Check(string name, JsonElement args, JsonElement result, JsonElement[] all)
    {
        switch (name)
        {
            case "toKeys":
                ToKeys(args[0], result);
                break;
            case "initialize":
                Initialize(args[0], result);
                break;
            case "createChallenge":
                CreateChallenge(args[0], result);
                break;
            case "verifyChallenge":
                VerifyChallenge(args[0], Bytes(args[1]), result);
                break;
            case "clientVerifyChallenge":
                ClientVerifyChallenge(args[0], Bytes(args[1]), result);
                break;
            case "clientCreateAuth":
                ClientCreateAuth(args[0], result);
                break;
            case "serverVerifyAuth":
                ServerVerifyAuth(args[0], Bytes(args[1]), result);
                break;
            case "serverCreateAccept":
                ServerCreateAccept(args[0], result);
                break;
            case "clientVerifyAccept":
                ClientVerifyAccept(args[0], Bytes(args[1]), result);
                break;
            case "clean":
                Clean(result, all);
                break;
            default:
                Assert.Fail("There is no such function.");
                break;
        }
    }

    private static void ToKeys(JsonElement keysOrSeed, JsonElement result)
    {
        byte[] seed = keysOrSeed.ValueKind == JsonValueKind.String ? Bytes(keysOrSeed) : Bytes(keysOrSeed, "secretKey")[..KeyPair.SeedSize];
        byte[] publicKey = new byte[32], secretKey = new byte[64];
        Ed25519.KeyPairFromSeed(seed, publicKey, secretKey);
        Assert.Equal(Bytes(result, "publicKey"), publicKey);
        Assert.Equal(Bytes(result, "secretKey"), secretKey);
    }

    // Theirs makes the ephemeral key from a seed, by way of Ed25519; ours takes random bytes for it.
    private static void Initialize(JsonElement args, JsonElement result)
    {
        if (args.TryGetProperty("seed", out JsonElement seed) && seed.ValueKind == JsonValueKind.String)
        {
            using KeyPair keys = KeyPair.FromSeed(Bytes(seed));
            Assert.Equal(new FeedId(Bytes(result, "local", "publicKey")), keys.Id);
        }

        byte[] publicKey = new byte[32], secretKey = new byte[64], byMap = new byte[32];
        using HandshakeState state = State(result, ephemeral: false);
        Ed25519.KeyPairFromSeed(Bytes(args, "random"), publicKey, secretKey);
        Curve25519.FromEd25519Secret(secretKey, state.EphemeralSecret);
        Curve25519.PublicFromSecret(state.EphemeralSecret, state.Ephemeral);
        Hashes.Authenticate(state.Ephemeral, Bytes(result, "app_key"), state.LocalMac);
        Assert.True(Curve25519.TryFromEd25519Public(publicKey, byMap));
        Assert.Equal(Bytes(result, "local", "kx_sk"), state.EphemeralSecret);
        Assert.Equal(Bytes(result, "local", "kx_pk"), state.Ephemeral);
        Assert.Equal(Bytes(result, "local", "kx_pk"), byMap);
        Assert.Equal(Bytes(result, "local", "app_mac"), state.LocalMac);
    }

    private static void CreateChallenge(JsonElement args, JsonElement result)
    {
        using HandshakeState state = State(args);
        byte[] hello = new byte[HandshakeState.HelloSize];
        state.WriteHello(hello);
        Assert.Equal(Bytes(result), hello);
    }

    private static void VerifyChallenge(JsonElement args, byte[] hello, JsonElement result)
    {
        using HandshakeState state = State(args);
        ForgetHello(state);
        bool good = result.ValueKind != JsonValueKind.Null;
        Assert.Equal(good, state.TryReadHello(hello));
        if (!good)
            return;

        Assert.True(state.TryAgree());
        Assert.Equal(Bytes(result, "remote", "kx_pk"), state.RemoteEphemeral);
        Assert.Equal(Bytes(result, "remote", "app_mac"), state.RemoteMac);
        Assert.Equal(Bytes(result, "secret"), state.SharedAb);
        Assert.Equal(Bytes(result, "shash"), state.HashAb);
    }

    private static void ClientVerifyChallenge(JsonElement args, byte[] hello, JsonElement result)
    {
        using HandshakeState state = State(args);
        ForgetHello(state);
        state.RemoteKey.Clear();
        Assert.True(state.TryAim(new FeedId(Bytes(args, "remote", "publicKey"))));
        Assert.True(state.TryAgreeWithServerKey());
        bool good = result.ValueKind != JsonValueKind.Null;
        Assert.Equal(good, state.TryReadHello(hello));
        if (!good)
            return;

        Assert.True(state.TryAgree());
        byte[] proof = new byte[HandshakeState.AuthenticateSize];
        state.WriteAuthenticate(proof);
        Assert.Equal(Bytes(result, "a_bob"), state.SharedAB);
        Assert.Equal(Bytes(result, "local", "hello"), state.SignedHello);
        Assert.Equal(Bytes(result, "local", "hello"), Open(proof, Bytes(result, "secret2")));
    }

    private static void ClientCreateAuth(JsonElement args, JsonElement result)
    {
        using HandshakeState state = State(args);
        Bytes(args, "a_bob").CopyTo(state.SharedAB);
        byte[] proof = new byte[HandshakeState.AuthenticateSize];
        state.WriteAuthenticate(proof);
        Assert.Equal(Bytes(result), proof);
    }

    private static void ServerVerifyAuth(JsonElement args, byte[] proof, JsonElement result)
    {
        using HandshakeState state = State(args);
        state.RemoteKey.Clear();
        Assert.True(state.TryAgreeAsServer());
        Assert.Equal(Bytes(args, "a_bob"), state.SharedAB);
        bool good = result.ValueKind != JsonValueKind.Null;
        Assert.Equal(good, state.TryReadAuthenticate(proof));
        if (!good)
            return;

        Assert.Equal(Bytes(result, "remote", "hello"), state.SignedHello);
        Assert.Equal(Bytes(result, "remote", "publicKey"), state.RemoteKey);
        Assert.True(state.TryAgreeWithClientKey());
        Assert.Equal(Bytes(result, "b_alice"), state.SharedBA);
        byte[] acceptance = new byte[HandshakeState.AcceptSize];
        state.WriteAccept(acceptance);
        Assert.Equal(Ed25519.SignatureSize, Open(acceptance, Bytes(result, "secret3")).Length);
    }

    private static void ServerCreateAccept(JsonElement args, JsonElement result)
    {
        using HandshakeState state = State(args);
        Bytes(args, "a_bob").CopyTo(state.SharedAB);
        Bytes(args, "b_alice").CopyTo(state.SharedBA);
        Bytes(args, "remote", "hello").CopyTo(state.SignedHello);
        byte[] acceptance = new byte[HandshakeState.AcceptSize];
        state.WriteAccept(acceptance);
        Assert.Equal(Bytes(result), acceptance);
    }

    private static void ClientVerifyAccept(JsonElement args, byte[] acceptance, JsonElement result)
    {
        using HandshakeState state = State(args);
        Bytes(args, "a_bob").CopyTo(state.SharedAB);
        Bytes(args, "local", "hello").CopyTo(state.SignedHello);
        Assert.True(state.TryAgreeAsClient());
        Assert.Equal(Bytes(result, "b_alice"), state.SharedBA);
        Assert.True(state.TryReadAccept(acceptance));
        Assert.Equal(Ed25519.SignatureSize, Open(acceptance, Bytes(result, "secret3")).Length);
    }

    // By then theirs has wiped what the keys are made of; the vector of the step before, with the same ephemeral key, still has it.
    private static void Clean(JsonElement result, JsonElement[] all)
    {
        string ephemeral = result.GetProperty("local").GetProperty("kx_pk").GetString()!; // every state has one
        JsonElement before = Assert.Single(all, vector =>
            vector.GetProperty("name").GetString() is "clientVerifyAccept" or "serverVerifyAuth"
            && vector.GetProperty("result").ValueKind == JsonValueKind.Object
            && vector.GetProperty("result").GetProperty("local").GetProperty("kx_pk").GetString() == ephemeral).GetProperty("result");
        using HandshakeState state = State(before);
        Bytes(before, "a_bob").CopyTo(state.SharedAB);
        Bytes(before, "b_alice").CopyTo(state.SharedBA);
        using BoxStreamKeys keys = state.MakeKeys();
        Assert.Equal(Bytes(result, "encryptKey"), keys.SealKey);
        Assert.Equal(Bytes(result, "decryptKey"), keys.OpenKey);
        Assert.Equal(Bytes(result, "remote", "app_mac").AsSpan(0, BoxStreamKeys.NonceSize), keys.SealNonce);
        Assert.Equal(Bytes(result, "local", "app_mac").AsSpan(0, BoxStreamKeys.NonceSize), keys.OpenNonce);
    }

    /// <summary>Who we are, the ephemeral key, and what is known of the other side.</summary>
    private static HandshakeState State(JsonElement from, bool ephemeral = true)
    {
        using KeyPair keys = KeyPair.FromSeed(Bytes(from, "local", "secretKey").AsSpan(0, KeyPair.SeedSize));
        Assert.Equal(new FeedId(Bytes(from, "local", "publicKey")), keys.Id);
        var state = new HandshakeState(NetworkKey.FromBytes(Bytes(from, "app_key")), keys);
        if (ephemeral)
        {
            Bytes(from, "local", "kx_sk").CopyTo(state.EphemeralSecret);
            Bytes(from, "local", "kx_pk").CopyTo(state.Ephemeral);
            Bytes(from, "local", "app_mac").CopyTo(state.LocalMac);
        }

        JsonElement remote = from.GetProperty("remote");
        if (remote.TryGetProperty("publicKey", out JsonElement publicKey))
            Bytes(publicKey).CopyTo(state.RemoteKey);
        if (remote.TryGetProperty("kx_pk", out JsonElement remoteEphemeral))
            Bytes(remoteEphemeral).CopyTo(state.RemoteEphemeral);
        if (remote.TryGetProperty("app_mac", out JsonElement mac))
            Bytes(mac).CopyTo(state.RemoteMac);
        if (from.TryGetProperty("secret", out JsonElement shared))
            Bytes(shared).CopyTo(state.SharedAb);
        if (from.TryGetProperty("shash", out JsonElement hash))
            Bytes(hash).CopyTo(state.HashAb);
        return state;
    }

    // It is in the recorded argument, and not known yet.
    private static void ForgetHello(HandshakeState state)
    {
        state.RemoteEphemeral.Clear();
        state.RemoteMac.Clear();
        state.SharedAb.Clear();
        state.HashAb.Clear();
    }

    private static byte[] Open(byte[] box, byte[] key)
    {
        byte[] message = new byte[box.Length - SecretBox.MacSize];
        Assert.True(SecretBox.TryOpen(box, new byte[SecretBox.NonceSize], key, message));
        return message;
    }

    private static byte[] Bytes(JsonElement of, params ReadOnlySpan<string> path)
    {
        foreach (string name in path)
            of = of.GetProperty(name);
        return Convert.FromHexString(of.GetString()!); // the paths are of strings
    }
}
