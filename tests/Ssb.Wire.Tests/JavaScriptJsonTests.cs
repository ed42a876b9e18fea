using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;

namespace Ssb.Wire.Tests;

public class JavaScriptJsonTests
{
    // Each expected text is what Node 20 prints for JSON.stringify(JSON.parse(text)).
    [Theory]
    [InlineData("1.0", "1")]
    [InlineData("-0", "0")]
    [InlineData("-0.0e5", "0")]
    [InlineData("1e3", "1000")]
    [InlineData("1E+3", "1000")]
    [InlineData("100000000000000000000", "100000000000000000000")]
    [InlineData("1e20", "100000000000000000000")]
    [InlineData("1e21", "1e+21")]
    [InlineData("123456789012345678901234567890", "1.2345678901234568e+29")]
    [InlineData("9007199254740993", "9007199254740992")]
    [InlineData("123456789012345680000", "123456789012345680000")]
    [InlineData("0.000001", "0.000001")]
    [InlineData("1e-7", "1e-7")]
    [InlineData("0.00000123", "0.00000123")]
    [InlineData("1.5e-10", "1.5e-10")]
    [InlineData("-12.5", "-12.5")]
    [InlineData("5e-324", "5e-324")]
    [InlineData("1e-400", "0")]
    [InlineData("1.7976931348623157e308", "1.7976931348623157e+308")]
    [InlineData("1e999", "null")]
    [InlineData("[-1e999]", "[null]")]
    [InlineData("0.1", "0.1")]
    [InlineData("1500000000000.25", "1500000000000.25")]
    [InlineData(" true ", "true")]
    [InlineData("false", "false")]
    [InlineData("null", "null")]
    [InlineData("{}", "{}")]
    [InlineData("[ ]", "[]")]
    [InlineData("[[],{}]", "[[],{}]")]
    [InlineData("""{"b":1,"a":2}""", """{"b":1,"a":2}""")]
    [InlineData("""{"b":1,"10":2,"2":3,"a":4,"0":5}""", """{"0":5,"2":3,"10":2,"b":1,"a":4}""")]
    [InlineData("""{"01":1,"1":2,"-1":3,"1.0":4,"4294967295":5,"4294967294":6}""", """{"1":2,"4294967294":6,"01":1,"-1":3,"1.0":4,"4294967295":5}""")]
    [InlineData("""{"a":1,"b":2,"a":3}""", """{"a":3,"b":2}""")]
    [InlineData("""{"a":1,"b":2,"\u0061":3}""", """{"a":3,"b":2}""")]
    [InlineData("""{"__proto__":1,"":2}""", """{"__proto__":1,"":2}""")]
    [InlineData("""["+/<>&'`\u2028\u2029é😀\u007f"]""", "[\"+/<>&'`\u2028\u2029é😀\u007f\"]")]
    [InlineData("""["\ud83d\ude00"]""", "[\"😀\"]")]
    [InlineData("""["\ud83d","\ude00\ud83d","\ud83dx","\uD83D\ud83d\ude00"]""", """["\ud83d","\ude00\ud83d","\ud83dx","\ud83d😀"]""")]
    [InlineData("""["\"\\\/\b\f\n\r\t\u000b\u0000\u001F\u0041"]""", """["\"\\/\b\f\n\r\t\u000b\u0000\u001fA"]""")]
    [InlineData("""{"\ud800\u0001\"":"x"}""", """{"\ud800\u0001\"":"x"}""")]
    public void Compact_Text_IsThatOfJavaScript(string text, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(JavaScriptJson.Compact(Encoding.UTF8.GetBytes(text))));

    // JSON.stringify(obj, null, 2) in Node 20
    [Fact]
    public void Indented_NestedObject_IsThatOfJavaScript() => Assert.Equal(
        "{\n  \"a\": [\n    1,\n    {\n      \"b\": {},\n      \"c\": []\n    }\n  ],\n  \"d\": \"x\"\n}",
        Encoding.UTF8.GetString(JavaScriptJson.Indented("""{"a":[1,{"b":{},"c":[]}],"d":"x"}"""u8)));

    public static TheoryData<string> NotJson =>
        ["", " ", "x", "{", "{a:1}", "[1,]", "{\"a\":1,}", "1 2", "'a'", "\"\u0001\"", "\"\\x\"", "\"\\u12\"", "01", "+1", ".5", "1.", "NaN", "//x\n1", "\uFEFF1"];

    [Theory]
    [MemberData(nameof(NotJson))]
    public void Compact_NoJson_ThrowsFormatException(string text) =>
        Assert.Throws<FormatException>(() => JavaScriptJson.Compact(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Compact_NotUtf8_ThrowsFormatException() =>
        Assert.Throws<FormatException>(() => JavaScriptJson.Compact([(byte)'"', 0xC3, (byte)'"']));

    [Fact]
    public void Compact_Depth_IsLimited()
    {
        byte[] Nested(int depth) => Encoding.UTF8.GetBytes(new string('[', depth) + "1" + new string(']', depth));

        Assert.Equal(Nested(JsonGate.MaxDepth), JavaScriptJson.Compact(Nested(JsonGate.MaxDepth)));
        Assert.Throws<FormatException>(() => JavaScriptJson.Compact(Nested(JsonGate.MaxDepth + 1)));

        using JsonDocument deep = JsonDocument.Parse(Nested(JsonGate.MaxDepth + 1), new JsonDocumentOptions { MaxDepth = 1000 });
        Assert.Throws<FormatException>(() => JavaScriptJson.Write(deep.RootElement, new ArrayBufferWriter<byte>(), indented: true));
    }

    [Fact]
    public void Write_NoValue_Throws() =>
        Assert.Throws<ArgumentException>(() => JavaScriptJson.Write(default, new ArrayBufferWriter<byte>(), indented: false));

    [Fact]
    public void Compact_AnyNumber_ReadsBackAsTheSame() => Gen.Double.Where(double.IsFinite).Sample(number =>
    {
        string text = Encoding.UTF8.GetString(JavaScriptJson.Compact(Encoding.UTF8.GetBytes(number.ToString("E17"))));
        return double.Parse(text) == number && JavaScriptJson.Compact(Encoding.UTF8.GetBytes(text)).AsSpan().SequenceEqual(Encoding.UTF8.GetBytes(text));
    });

    [Fact]
    public void Compact_AnyString_MeansTheSame() => Gen.Char.Array[0, 30].Sample(characters =>
    {
        string escaped = string.Concat(characters.Select(c => $"\\u{(int)c:X4}"));
        byte[] once = JavaScriptJson.Compact(Encoding.UTF8.GetBytes($"\"{escaped}\""));
        var written = new ArrayBufferWriter<byte>();
        JavaScriptJson.WriteString(characters, written);
        return once.AsSpan().SequenceEqual(written.WrittenSpan)
            && JavaScriptJson.Compact(once).AsSpan().SequenceEqual(once)
            && (!Array.TrueForAll(characters, c => !char.IsSurrogate(c)) || JsonDocument.Parse(once).RootElement.GetString() == new string(characters));
    });

    [Fact]
    public void Write_TrapIndentedNewline_IsALineFeedOnEverySystem()
    {
        var output = new ArrayBufferWriter<byte>();
        JavaScriptJson.Write(JsonElement.Parse("""{"a":"+\u2028😀","b":[1]}"""), output, indented: true);
        Assert.Equal("{\n  \"a\": \"+\u2028😀\",\n  \"b\": [\n    1\n  ]\n}", Encoding.UTF8.GetString(output.WrittenSpan));
    }
}
