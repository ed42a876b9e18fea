using System.Text;
using CsCheck;
using Sodium;
using Ssb.Wire.Sodium;
using SecretBox = Ssb.Wire.Sodium.SecretBox;

namespace Ssb.Wire.Tests;

/// <summary>Sodium.Core, an independent binding, is the oracle.</summary>
public class SodiumTests
{
    private static readonly Gen<byte[]> s_messages = Gen.Byte.Array[0, 700];
    private static readonly Gen<byte[]> s_seeds = Gen.Byte.Array[32];

    // RFC 8032, section 7.1, TEST 2
    [Fact]
    public void Ed25519_Rfc8032Test2_GivesItsSignature()
    {
        byte[] seed = Convert.FromHexString("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        byte[] publicKey = new byte[32], secretKey = new byte[64], signature = new byte[64];
        Ed25519.KeyPairFromSeed(seed, publicKey, secretKey);
        Ed25519.Sign([0x72], secretKey, signature);

        Assert.Equal("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", Convert.ToHexStringLower(publicKey));
        Assert.Equal(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            Convert.ToHexStringLower(signature));
        Assert.True(Ed25519.Verify(signature, [0x72], publicKey));
    }

    [Fact]
    public void KeyPair_AnySeedAndMessage_SignsAsTheOracle() => Gen.Select(s_seeds, s_messages).Sample((seed, message) =>
    {
        global::Sodium.KeyPair oracle = PublicKeyAuth.GenerateKeyPair(seed);
        using KeyPair ours = KeyPair.FromSeed(seed);
        byte[] signature = ours.Sign(message);
        Assert.Equal(new FeedId(oracle.PublicKey), ours.Id);
        Assert.Equal(PublicKeyAuth.SignDetached(message, oracle.PrivateKey), signature);
        Assert.True(ours.Id.Verify(message, signature));
    }, iter: Rounds.Of(300));

    [Fact]
    public void Verify_AnyFlippedBit_IsFalse() => Gen.Select(s_seeds, Gen.Byte.Array[1, 300], Gen.Int, Gen.Int[0, 7]).Sample((seed, message, at, bit) =>
    {
        using KeyPair keys = KeyPair.FromSeed(seed);
        byte[] signature = keys.Sign(message);
        int place = (int)((uint)at % (uint)(message.Length + signature.Length));
        (place < message.Length ? ref message[place] : ref signature[place - message.Length]) ^= (byte)(1 << bit);
        return !keys.Id.Verify(message, signature);
    }, iter: Rounds.Of(300));

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(65)]
    public void Verify_SignatureOfAnotherLength_IsFalse(int length) => Assert.False(default(FeedId).Verify("x"u8, new byte[length]));

    [Fact]
    public void Box_AnyMessage_IsTheOraclesAndOpensAgain() => Gen.Select(s_seeds, s_messages).Sample((key, message) =>
    {
        NetworkKey network = NetworkKey.FromBytes(key);
        byte[] box = new byte[message.Length + NetworkKey.BoxOverhead], opened = new byte[message.Length];
        network.Box(message, box);
        Assert.Equal(global::Sodium.SecretBox.Create(message, key[..24], key), box);
        Assert.True(network.TryUnbox(box, opened));
        Assert.Equal(message, opened);

        box[message.Length / 2] ^= 1;
        Assert.False(network.TryUnbox(box, opened));
        Assert.False(NetworkKey.Generate().TryUnbox(box, opened));
    }, iter: Rounds.Of(300));

    [Fact]
    public void TryUnbox_ShorterThanItsAuthenticator_IsFalse()
    {
        for (int length = 0; length < SecretBox.MacSize; length++)
            Assert.False(NetworkKey.Main.TryUnbox(new byte[length], default));
    }

    [Fact]
    public void Box_BuffersOfWrongLength_Throw()
    {
        Assert.Throws<ArgumentException>(() => NetworkKey.Main.Box(new byte[3], new byte[18]));
        Assert.Throws<ArgumentException>(() => NetworkKey.Main.TryUnbox(new byte[20], new byte[5]));
    }

    [Fact]
    public void Generate_Twice_GivesDifferentKeys()
    {
        using KeyPair one = KeyPair.Generate(), two = KeyPair.Generate();
        Assert.NotEqual(one.Id, two.Id);
        Assert.NotEqual(NetworkKey.Generate(), NetworkKey.Generate());
        Assert.True(one.Id.Verify("hello"u8, one.Sign(Encoding.UTF8.GetBytes("hello"))));
    }

    [Fact]
    public void FillRandom_LongBuffer_FillsItToItsEnd()
    {
        byte[] buffer = new byte[4096];
        SodiumLibrary.FillRandom(buffer);
        Assert.True(buffer.AsSpan(4096 - 64).ContainsAnyExcept((byte)0));
        SodiumLibrary.Wipe(buffer);
        Assert.False(buffer.AsSpan().ContainsAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(typeof(DllNotFoundException)), InlineData(typeof(BadImageFormatException)), InlineData(typeof(EntryPointNotFoundException)), InlineData(null)]
    public void Start_LibraryIsMissing_SaysWhatToInstall(Type? error)
    {
        Exception cause = error is null ? new TypeInitializationException("T", null) : (Exception)Activator.CreateInstance(error)!; // each has such a constructor
        NativeLibraryException said = Assert.Throws<NativeLibraryException>(() => SodiumLibrary.Start(() => throw cause));
        Assert.Same(cause, said.InnerException);
        Assert.StartsWith("libsodium", said.Message, StringComparison.Ordinal);
        Assert.Contains(OperatingSystem.IsWindows() ? "Visual C++ Redistributable" : "See that it is in the folder", said.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Start_LibraryFails_SaysSo() =>
        Assert.Contains("could not be started", Assert.Throws<NativeLibraryException>(() => SodiumLibrary.Start(() => -1)).Message, StringComparison.Ordinal);
}
