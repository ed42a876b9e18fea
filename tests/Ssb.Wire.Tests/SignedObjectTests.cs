using System.Text;
using System.Text.Json;

namespace Ssb.Wire.Tests;

public class SignedObjectTests
{
    private static readonly byte[] s_seed = [.. Enumerable.Repeat((byte)1, 32)];

    // ssb-keys 8.5.0: signObj(generate('ed25519', Buffer.alloc(32, 1)), obj).signature
    [Theory]
    [InlineData(
        """{"address":"net:192.168.1.23:8008~shs:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="}""",
        "iwoLn/MS+0BxN6wiNUdFgsY0+2NhETfCO/9lsr+HXoxSZfWHhb1UASltEorDFbHRYIhSVTeN7m0A0luW9KP7Bw==")]
    [InlineData(
        """{"type":"post","text":"a+b/c <b>&'\"\\ \u2028 😀 é \b\f\n\r\t\u0001\u007f \ud800","n":[1.0,1e21,-0,1e-7,123456789012345680000],"e":{},"a":[],"nested":{"z":null,"10":true,"2":false}}""",
        "nXu/KDul+cKo1H+pZaPNAJ0tihbopKxVwdeQYOHJgMchJlup2672rpwDYvYHvECdV+PLOnWI75q6pyANB+ECDg==")]
    public void Sign_Object_GivesTheSignatureOfSsbKeys(string json, string signature)
    {
        using KeyPair keys = KeyPair.FromSeed(s_seed);
        byte[] signed = SignedObject.Sign(keys, Encoding.UTF8.GetBytes(json));
        Assert.Equal(signature + ".sig.ed25519", JsonGate.Parse(signed).GetProperty("signature").GetString());
        Assert.Equal(JavaScriptJson.Compact(signed), signed);
        Assert.True(SignedObject.Verify(keys.Id, signed));
        Assert.False(SignedObject.Verify(FeedId.Parse("@6sMnvHl5TYQFFJRi5n7nxZcS53WZ9ah8U+M8aS0FGzc=.ed25519"), signed));
    }

    [Fact]
    public void Verify_SignatureNotLastAndReformatted_IsTrue()
    {
        using KeyPair keys = KeyPair.FromSeed(s_seed);
        string signature = JsonGate.Parse(SignedObject.Sign(keys, """{"b":1000,"a":"é"}"""u8)).GetProperty("signature").GetString()!;
        Assert.True(SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes($$"""{ "signature":"{{signature}}", "b" : 1e3, "a":"\u00e9"}""")));
        Assert.False(SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes($$"""{"signature":"{{signature}}","b":1001,"a":"é"}""")));
        Assert.False(SignedObject.Verify(keys.Id, Encoding.UTF8.GetBytes($$"""{"signature":"{{signature}}","a":"é","b":1000}""")));
    }

    [Fact]
    public void Sign_EmptyObject_VerifiesAgain()
    {
        using KeyPair keys = KeyPair.Generate();
        byte[] signed = SignedObject.Sign(keys, "{}"u8);
        Assert.True(SignedObject.Verify(keys.Id, signed));
        Assert.StartsWith("""{"signature":""", Encoding.UTF8.GetString(signed), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("1")]
    [InlineData("""{"signature":"x"}""")]
    [InlineData("""{"__proto__":{}}""")]
    public void Sign_WhatCannotBeSigned_Throws(string json)
    {
        using KeyPair keys = KeyPair.Generate();
        Assert.Throws<ArgumentException>(() => SignedObject.Sign(keys, Encoding.UTF8.GetBytes(json)));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"signature":null}""")]
    [InlineData("""{"signature":1}""")]
    [InlineData("""{"signature":""}""")]
    [InlineData("""{"signature":"\ud800"}""")]
    [InlineData("""{"signature":".sig.ed25519"}""")]
    [InlineData("""{"signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==.sig.ed25519"}""")]
    [InlineData("""{"signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB==.sig.ed25519"}""")]
    [InlineData("""{"signature":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==.sig.ed25519","__proto__":{}}""")]
    public void Verify_WhatNobodySigned_IsFalse(string json) =>
        Assert.False(SignedObject.Verify(FeedId.Parse(FeedIdTests.SeedOnes), Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Verify_NoJson_ThrowsFormatException() => Assert.Throws<FormatException>(() => SignedObject.Verify(default, "{"u8));

    [Fact]
    public void Verify_TooDeepOrNotUtf8_IsFalse()
    {
        string deep = $$"""{"signature":"{{new string('A', 86)}}==.sig.ed25519","x":{{new string('[', 300)}}{{new string(']', 300)}}}""";
        using JsonDocument document = JsonDocument.Parse(deep, new JsonDocumentOptions { MaxDepth = 1000 });
        Assert.False(SignedObject.Verify(default, document.RootElement));
    }
}
